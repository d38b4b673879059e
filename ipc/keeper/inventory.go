package keeper

import (
	"encoding/binary"
	"fmt"
)

const inventoryBytes = 5*8 + 1 // before the executable

func (i *Inventory) append(b []byte) []byte {
	for _, number := range []uint64{uint64(i.Slot), i.Generation, uint64(i.PuddlePid), uint64(i.KeeperPid), uint64(i.Sockets)} {
		b = binary.LittleEndian.AppendUint64(b, number)
	}
	linked := byte(0)
	if i.PuddleLinked {
		linked = 1
	}
	return append(append(b, linked), i.Executable...)
}

func decodeInventory(b []byte) (Inventory, error) {
	if len(b) < inventoryBytes {
		return Inventory{}, fmt.Errorf("an answer of %d bytes", len(b))
	}
	number := func(i int) uint64 { return binary.LittleEndian.Uint64(b[8*i:]) }
	return Inventory{
		Slot:         int(number(0)),
		Generation:   number(1),
		PuddlePid:    int(number(2)),
		KeeperPid:    int(number(3)),
		Sockets:      int(number(4)),
		PuddleLinked: b[inventoryBytes-1] == 1,
		Executable:   string(b[inventoryBytes:]),
	}, nil
}
