package puddle

import (
	"net/http"
	"strings"

	"github.com/porthouse/porthouse/schema/format"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

// readCredential takes the first credential that the head offers. A bad one is
// not passed over for the next.
func (v *visit) readCredential() *hitAnswer {
	lines := v.r.Header["Authorization"]
	switch {
	case v.kind == hitCORS:
		return nil // a preflight has none, and who asks is not asked
	case len(lines) > 1:
		return refuseHit(http.StatusBadRequest, schema.Malformed, "Authorization stands twice")
	case len(lines) == 1:
		return v.readAuthorization(lines[0])
	}
	token, found, refused := queryField(v.query, "token")
	switch {
	case refused != nil || !found:
		return refused
	case token == "":
		return refuseHit(http.StatusUnauthorized, schema.Unauthorized, "?token= is empty: give a token, or leave it away")
	}
	v.offer(ipc.Credential{Token: token})
	return nil
}

// readAuthorization: RFC 6750 section 2.1 and RFC 7617 section 2.
func (v *visit) readAuthorization(line string) *hitAnswer {
	scheme, token, _ := strings.Cut(line, " ")
	token = strings.Trim(token, " ")
	client, password, basic := v.r.BasicAuth()
	switch {
	case strings.EqualFold(scheme, "Bearer") && token != "":
		v.offer(ipc.Credential{Token: token})
	case basic && client != "":
		v.offer(ipc.Credential{Client: client, Password: password})
		v.basic = true
	default:
		return refuseHit(http.StatusUnauthorized, schema.Unauthorized,
			"Authorization must be Bearer TOKEN, or Basic with client:password in base64")
	}
	return nil
}

func (v *visit) offer(c ipc.Credential) { v.credential, v.offered = c, true }

// takeForm takes a form's fields where the head did not say them. An empty
// field is one that was not filled in. Beside client= a password is the
// client's, else the room's.
func (v *visit) takeForm(form format.Form) {
	v.message, v.hit.file, v.to = form.Message, form.File, form.To
	switch {
	case v.offered:
	case form.Token != "":
		v.offer(ipc.Credential{Token: form.Token})
	case form.Client != "":
		v.offer(ipc.Credential{Client: form.Client, Password: form.Password, OTP: form.OTP})
	}
	if form.Client == "" {
		v.password = either(v.password, form.Password)
		v.otp = either(v.otp, form.OTP)
	}
	v.key = either(v.key, form.Key)
}

func either(first, second string) string {
	if first != "" {
		return first
	}
	return second
}
