// Package page is what a browser is shown of a house: one page for the lobby
// and for every room, its script, its style and its icon. The page itself
// holds nothing of the house; its script opens a WebSocket to the address
// that it was loaded from and speaks porthouse.v1.json like any other client.
package page

import (
	"crypto/sha256"
	_ "embed" // of the files
	"encoding/base64"
	"net/http"
)

//go:embed page.html
var html []byte

//go:embed page.js
var script []byte

//go:embed page.css
var style []byte

//go:embed page.svg
var icon []byte

// Policy is the page's Content-Security-Policy: its own script and style, its
// own house to speak with, and no way to make HTML of a text.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// File is one file of the page.
type File struct {
	Type string // its media type
	ETag string // RFC 9110 section 8.8.3
	Body []byte
}

// HTML is the page itself; it stands at the address of the lobby and of each
// room.
var HTML = file("text/html; charset=utf-8", html)

var files = map[string]*File{
	"/-/page.js":  file("text/javascript; charset=utf-8", script),
	"/-/page.css": file("text/css; charset=utf-8", style),
	"/-/page.svg": file("image/svg+xml", icon),
}

func file(kind string, body []byte) *File {
	sum := sha256.Sum256(body)
	return &File{Type: kind, ETag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, Body: body}
}

// Header sets the header fields of an answer with the file. A browser asks
// each time whether it is still the same: a reload may have brought another.
func (f *File) Header(h http.Header) {
	h.Set("Content-Type", f.Type)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", f.ETag)
	if f == Client {
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Expose-Headers", "ETag")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	} else {
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
	}
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", Policy)
	if f == HTML {
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Vary", "Accept")
	}
}
