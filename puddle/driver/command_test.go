package driver

import (
	"strings"
	"testing"
)

func TestCommands(t *testing.T) {
	for text, want := range map[string]string{
		"LIST": "list", "list ": "list", "LIST .": "list /here", "LIST /": "list /", "Get a": "get /here/a", "GET /a//b/./c": "get /a/b/c",
		"GET ../../../../etc/passwd": "get /etc/passwd", "CWD ..": "cwd /", "CWD": "cwd", "PWD\r\n": "pwd", "SIZE ..": "size /",
		`PUT "my file.txt"`: "put /here/my file.txt", `PUT "a\"b\\c\n"`: `put /here/a"b\c\n`, `RENAME a "b c"`: "rename /here/a /here/b c",
		"GET -a": "get /here/-a", "GET ä": "get /here/ä", "GET ~": "get /here/~", "GET *": "get /here/*",
		"PUT  a": "put /here/a", "DELETE /here/../x": "delete /x", "MKDIR x/": "mkdir /here/x",

		"": "!malformed", "  ": "!malformed", "FOO": "!unknown", "GET": "!malformed", "GET a b": "!malformed", "PWD x": "!malformed", "RENAME a": "!malformed",
		`GET "a`: "!malformed", `GET a"b`: "!malformed", `GET "a"b`: "!malformed", `GET ""`: "!malformed",
		"GET \"a\r\nDELE b\"": "!malformed", "GET a\x00b": "!malformed", "GET \"a\nb\"": "!malformed", "GET a\x7f": "!malformed", "GET a\xff": "!malformed",
		"GET " + strings.Repeat("a", 1025): "!too-large", "GET " + strings.Repeat("a/", 5000): "!too-large",
	} {
		c, refusal := parseCommand(text, "/here")
		got := strings.Join(append([]string{c.verb.String()}, c.paths...), " ")
		if refusal != nil {
			got = "!" + string(refusal.Code)
		}
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestWirePaths(t *testing.T) {
	for _, c := range [][3]string{
		{"/", "/a", "/a"}, {"/srv/files", "/", "/srv/files"}, {"/srv", "/../../etc", "/srv/etc"}, {"/srv", "a/../../b", "/srv/b"}, {"/srv", "..", "/srv"},
	} {
		if got := wire(c[0], c[1]); got != c[2] {
			t.Errorf("%s under %s: %s, want %s", c[1], c[0], got, c[2])
		}
	}
}

func FuzzCommand(f *testing.F) {
	for _, text := range []string{"LIST", `PUT "a b"`, "RENAME ../a /b", `GET "\\\""`, "CWD ../..", "GET a\r\nQUIT"} {
		f.Add(text, "/here/there")
	}
	f.Fuzz(func(t *testing.T, text, folder string) {
		if _, refusal := join("/", folder); refusal != nil {
			return
		}
		c, refusal := parseCommand(text, folder)
		if refusal != nil {
			return
		}
		for _, p := range c.paths {
			for _, root := range []string{"/", "/srv/files"} {
				on := wire(root, p)
				if on != root && !strings.HasPrefix(on, strings.TrimSuffix(root, "/")+"/") || strings.ContainsAny(on, "\r\n\x00") || strings.Contains(on, "/../") {
					t.Fatalf("%q in %q: %q is above %q, or no line", text, folder, on, root)
				}
			}
			if again, refusal := join("/", p); refusal != nil || again != p {
				t.Fatalf("%q is not what it stays: %q, %v", p, again, refusal)
			}
		}
	})
}
