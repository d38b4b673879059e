package puddle

import (
	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
)

func closesRow(code schema.CloseCode) table.Counter {
	return table.Closes + table.Counter(schema.CloseRow(code))
}
