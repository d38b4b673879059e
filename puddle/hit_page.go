package puddle

import (
	"net/http"
	"strings"

	"github.com/porthouse/porthouse/puddle/page"
)

// showsPage tells whether a browser that comes to a target is shown the page:
// the rest of what has an address is for programs.
func (t target) showsPage() bool { return t.kind == targetLobby || t.kind == targetRoom }

// showsPage tells whether a GET is answered with the page or a file of it.
func (p *Puddle) showsPage(req *request, to lead) bool {
	switch {
	case page.At(string(req.path), p.settings.Page) != nil:
		return true
	case !p.settings.Page:
		return false
	}
	return to.showsPage() && accepts(req, htmlPage) && !accepts(req, eventStream)
}

// show answers with a file, or that the browser has it already (RFC 9110
// section 13.1.2).
func (v *visit) show(f *page.File) hitAnswer {
	for known := range strings.SplitSeq(v.r.Header.Get("If-None-Match"), ",") {
		if strings.TrimPrefix(strings.TrimSpace(known), "W/") == f.ETag {
			return hitAnswer{status: http.StatusNotModified, file: f}
		}
	}
	return hitAnswer{status: http.StatusOK, file: f}
}
