package schema

import (
	"strings"
	"testing"
)

func TestCheckRoom(t *testing.T) {
	long := strings.Repeat("x", RoomNameMost)
	for name, right := range map[string]bool{
		"chat": true, "Chat": true, "a": true, "a.b_c~d-e": true, "~x": true, "_": true, "0": true,
		"alice/notes": true, "a-1/x": true, long: true, strings.Repeat("a", 63) + "/" + long: true,
		"": false, "-x": false, ".x": false, "..": false, "favicon.ico": false, "robots.txt": false,
		"alice/favicon.ico": false, long + "x": false, "a/b/c": false, "/a": false, "a/": false, "Alice/x": false,
		"token/x": false, "-a/x": false, "a-/x": false, strings.Repeat("a", 64) + "/x": false,
		"a b": false, "a%2fb": false, "ä": false, "a\x00": false, "a\n": false, "a:b": false, "a\\b": false,
	} {
		if refusal := CheckRoom(name); (refusal == nil) != right {
			t.Errorf("%.80q: %v", name, refusal)
		} else if refusal != nil && (refusal.Code != NotFound || refusal.Message == "") {
			t.Errorf("%.80q: %+v does not say what is wrong", name, refusal)
		}
	}
}

func TestSequenceIDs(t *testing.T) {
	for _, id := range []SequenceID{1, 31, 32, 1 << 60, 1<<64 - 1, 0x0123456789abcdef} {
		text := id.String()
		if back, err := ParseSequenceID(text); back != id || err != nil || len(text) != sequenceLength {
			t.Errorf("%d is %s, which is %d, %v", id, text, back, err)
		}
	}
	for _, text := range []string{"", "~", "x000000000001", "~000000000000", "~00000000000000", "~000000000000i", "~g000000000000", "~00000000000O0"} {
		if id, err := ParseSequenceID(text); err == nil {
			t.Errorf("%q was taken for %d", text, id)
		}
	}
}

func FuzzSequenceID(f *testing.F) {
	f.Add("~0000000000001")
	f.Fuzz(func(t *testing.T, text string) {
		if id, err := ParseSequenceID(text); err == nil && id.String() != text {
			t.Errorf("%q is %d, which is %s", text, id, id)
		}
	})
}

// Which codes may arrive: RFC 6455 section 7.4 and the IANA registry.
func TestCloseCodesThatMayArrive(t *testing.T) {
	for code := CloseCode(0); ; code++ {
		want := code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006 || code >= 3000 && code <= 4999
		if code.MayArrive() != want {
			t.Errorf("%d: %v", code, code.MayArrive())
		}
		if code == 1<<16-1 {
			return
		}
	}
}

func TestEveryCloseIsCounted(t *testing.T) {
	seen := map[CloseCode]bool{}
	for row, code := range CountedCloses {
		if seen[code] || CloseRow(code) != row {
			t.Errorf("%d stands twice", code)
		}
		seen[code] = true
	}
	if row := CloseRow(4999); row != len(CountedCloses)-1 {
		t.Errorf("an unknown code counts in row %d", row)
	}
}
