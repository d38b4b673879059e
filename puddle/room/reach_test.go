package room

import (
	"testing"

	"github.com/porthouse/porthouse/schema"
)

// Every rule × list × kind of receiver, against the contract's words.
func TestWhoHears(t *testing.T) {
	for to := schema.ToAny; to <= schema.ToSelf; to++ {
		for n := range 1 << 5 {
			lists, echo := n&1 != 0, n&2 != 0
			member := Receiver{Sender: n&4 != 0, Named: n&8 != 0, Owner: n&16 != 0}
			if member.Named && !lists {
				continue
			}
			var want bool
			switch {
			case member.Sender && to == schema.ToSelf:
				want = true
			case member.Sender:
				want = echo
			default:
				want = map[string]bool{
					"any":      !lists || member.Named,
					"everyone": true,
					"owner":    member.Owner,
					"self":     false,
				}[to.String()]
			}
			if got := ReachOf(to, lists).Hears(member, echo); got != want {
				t.Errorf("to %s lists %v echo %v %+v: %v", to, lists, echo, member, got)
			}
		}
	}
}
