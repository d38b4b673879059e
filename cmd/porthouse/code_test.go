package main

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	. "github.com/porthouse/porthouse/puddle/puddletest"
)

// codeOf is the one-time code of a step (RFC 6238, RFC 4226 section 5.3).
func codeOf(secret string, step int64) string {
	mac := hmac.New(sha1.New, []byte(secret))
	binary.Write(mac, binary.BigEndian, step)
	sum := mac.Sum(nil)
	from := sum[len(sum)-1] & 15
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[from:])&0x7fffffff%1e6)
}

// TestCodeIsGoodOnce uses a code again, also where who took it is gone.
func TestCodeIsGoodOnce(t *testing.T) {
	h := houseOf(t, 1, keeping(t, func(d *deed) {
		d.do("room", "add", "vault", `{"rules":{"otp":"JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"}}`)
	}), "--open")
	step := time.Now().Unix() / 30
	enters := func(step int64, want int) {
		t.Helper()
		c := Dial(t, h.address)
		c.Say([]byte(RequestFor("/vault?otp=" + codeOf("Hello!\xde\xad\xbe\xefHello!\xde\xad\xbe\xef", step))))
		if status := c.Head(); status != want {
			t.Errorf("step %d: status %d, want %d", step, status, want)
		}
	}
	enters(step, 101)
	enters(step, 401)
	for _, name := range []string{"kill", "upgrade", "supervisor"} {
		replacements[name](t, h)
		enters(step, 401)
	}
	enters(step+1, 101) // the next one is right already
}
