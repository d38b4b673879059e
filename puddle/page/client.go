package page

import "github.com/porthouse/porthouse/schema/client/js"

// Client is the JavaScript client; a page of any origin may import it.
var Client = file("text/javascript; charset=utf-8", js.Client)

// clientPath is where it is, whether or not the page is shown.
const clientPath = "/-/porthouse.js"

// At is the file at a path, nil: there is none. Where the page is not shown
// there is the client alone.
func At(path string, shown bool) *File {
	if path == clientPath {
		return Client
	}
	if !shown {
		return nil
	}
	return files[path]
}
