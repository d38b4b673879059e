package console

import (
	"crypto/sha256"
	_ "embed" // of the files
	"encoding/base64"
	"net/http"
	"strings"
)

//go:embed console.html
var html []byte

//go:embed console.js
var script []byte

//go:embed console.css
var style []byte

//go:embed console.svg
var icon []byte

// uPlot, MIT licence (uplot/LICENSE).
var (
	//go:embed uplot/uPlot.iife.min.js
	plotScript []byte
	//go:embed uplot/uPlot.min.css
	plotStyle []byte
)

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// file serves bytes that never change while this process lives.
func file(kind string, body []byte) http.HandlerFunc {
	sum := sha256.Sum256(body)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", kind)
		h.Set("ETag", tag)
		h.Set("Cache-Control", "no-cache")
		guardHeader(h)
		if strings.Contains(r.Header.Get("If-None-Match"), tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Write(body)
	}
}

// guardHeader sets what keeps other pages away from an answer.
func guardHeader(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
}
