package puddle

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"strings"
	"testing"
)

var testGuard = guard{headerBytes: 8 << 10}

// Parts of heads.
const (
	onHost       = "Host: porthouse.example\r\n"
	upgradeLines = "Upgrade: websocket\r\nConnection: Upgrade\r\n" + onVersion + onKey
	onVersion    = "Sec-WebSocket-Version: 13\r\n"
	onKey        = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	getChat      = "GET /chat HTTP/1.1\r\n"
	opening      = getChat + onHost + upgradeLines // wants its blank line
)

// heads are raw bytes and what the guard makes of them.
var heads = []struct {
	name, raw string
	want      verdict
}{
	// What is taken.
	{"handshake", opening + "\r\n", verdictUpgrade},
	{"handshake, names and values in other case", getChat + "hOST: A\r\nUPGRADE: WebSocket\r\ncONNECTION: uPGRADE\r\nsec-websocket-version: 13\r\nSEC-WEBSOCKET-KEY: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", verdictUpgrade},
	{"handshake, keep-alive beside upgrade", getChat + onHost + "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n" + onVersion + onKey + "\r\n", verdictUpgrade},
	{"handshake, empty list elements", getChat + onHost + "Connection: , ,Upgrade,\r\nUpgrade: websocket\r\n" + onVersion + onKey + "\r\n", verdictUpgrade},
	{"handshake, no space behind colons", getChat + "Host:h\r\nUpgrade:websocket\r\nConnection:Upgrade\r\nSec-WebSocket-Version:13\r\nSec-WebSocket-Key:dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", verdictUpgrade},
	{"handshake, blanks around values", getChat + "Host: \t h \t\r\nUpgrade: \twebsocket \r\nConnection:\tUpgrade\t\r\nSec-WebSocket-Version:  13  \r\nSec-WebSocket-Key:  dGhlIHNhbXBsZSBub25jZQ==  \r\n\r\n", verdictUpgrade},
	{"handshake, subprotocols on two lines", opening + "Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Protocol: c\r\n\r\n", verdictUpgrade},
	{"handshake, frames behind it", opening + "\r\n\x81\x85\x00\x00\x00\x00hello", verdictUpgrade},
	{"handshake, query", "GET /chat?token=a%20b&c=100%|{} HTTP/1.1\r\n" + onHost + upgradeLines + "\r\n", verdictUpgrade},
	{"handshake, obs-text and an empty value", opening + "Cookie: na\xefve\r\nX-Empty:\r\n\r\n", verdictUpgrade},
	{"handshake, key with pad bits", getChat + onHost + "Upgrade: websocket\r\nConnection: Upgrade\r\n" + onVersion + "Sec-WebSocket-Key: +/+/+/+/+/+/+/+/+/+/+/==\r\n\r\n", verdictUpgrade},
	{"get", getChat + onHost + "\r\n", verdictPlain},
	{"head", "HEAD /chat HTTP/1.1\r\n" + onHost + "\r\n", verdictPlain},
	{"get, empty body", getChat + onHost + "Content-Length: 0\r\n\r\n", verdictPlain},
	{"post with a body", "POST /chat HTTP/1.1\r\n" + onHost + "Content-Length: 5\r\n\r\nhello", verdictPlain},
	{"get, h2c offered", getChat + onHost + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", verdictPlain},
	{"post, h2c offered", "POST /chat HTTP/1.1\r\n" + onHost + "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nhi", verdictPlain},
	{"method with a dash", "M-SEARCH /chat HTTP/1.1\r\n" + onHost + "\r\n", verdictPlain},
	{"target of 2048", "GET /" + strings.Repeat("a", 2047) + " HTTP/1.1\r\n" + onHost + "\r\n", verdictPlain},
	{"64 fields", getChat + onHost + strings.Repeat("X-A: 1\r\n", 63) + "\r\n", verdictPlain},
	{"head of 8192", getChat + onHost + "X-A: " + strings.Repeat("a", 8192-len(getChat+onHost+"X-A: \r\n\r\n")) + "\r\n\r\n", verdictPlain},
	{"host with port", getChat + "Host: h:8080\r\n\r\n", verdictPlain},
	{"host, IPv6", getChat + "Host: [2001:db8::1]:8080\r\n\r\n", verdictPlain},
	{"host, IPv6 without port", getChat + "Host: [::1]\r\n\r\n", verdictPlain},
	{"host, root label", getChat + "Host: Example.COM.\r\n\r\n", verdictPlain},
	{"host, underscore", getChat + "Host: my_service:1\r\n\r\n", verdictPlain},

	// What is not yet whole.
	{"nothing", "", verdictMore},
	{"method", "GET", verdictMore},
	{"target", "GET /chat", verdictMore},
	{"request line but its LF", "GET /chat HTTP/1.1\r", verdictMore},
	{"no blank line", opening, verdictMore},
	{"half a blank line", opening + "\r", verdictMore},
	{"half a name", getChat + "Ho", verdictMore},
	{"half a value", getChat + "Host: a", verdictMore},
	{"part of a head of 8192", getChat + onHost + "X-A: " + strings.Repeat("a", 8191-len(getChat+onHost+"X-A: ")), verdictMore},

	// What is no HTTP.
	{"TLS ClientHello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", refuseTLS},
	{"TLS, first byte", "\x16", refuseTLS},
	{"zeros", "\x00\x00", refuseGarbage},
	{"SOCKS5", "\x05\x01\x00", refuseGarbage},
	{"PROXY protocol v2", "\r\n\r\n\x00\r\nQUIT\n", refuseGarbage},
	{"a space first", " GET / HTTP/1.1\r\n", refuseGarbage},
	{"a digit first", "1", refuseGarbage},
	{"a dash first", "-GET / HTTP/1.1\r\n", refuseGarbage},
	{"an empty line first", "\r\n" + opening + "\r\n", refuseGarbage},
	{"LF first", "\n", refuseGarbage},
	{"SSH", "SSH-2.0-OpenSSH_9.6\r\n", refuseGarbage},
	{"one word", "hello\r\n", refuseGarbage},
	{"UTF-8", "GÉT /", refuseGarbage},
	{"NUL in the method", "GE\x00T /", refuseGarbage},
	{"tab behind the method", "GET\t/ HTTP/1.1\r\n", refuseGarbage},
	{"a frame", "\x81\x85\x00\x00\x00\x00hello", refuseGarbage},
	{"long method", strings.Repeat("A", 17) + " / HTTP/1.1\r\n", refuseMethodLength},
	{"letters for ever", strings.Repeat("A", 9000), refuseMethodLength},
	{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", refuseHTTP2},

	// Request line.
	{"PROXY protocol v1", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", refuseTargetForm},
	{"SMTP", "EHLO example.com\r\n", refuseTargetForm},
	{"absolute form", "GET http://h/chat HTTP/1.1\r\n", refuseTargetForm},
	{"absolute form, ws", "GET ws://h/chat HTTP/1.1\r\n" + onHost + upgradeLines + "\r\n", refuseTargetForm},
	{"authority form", "CONNECT h:443 HTTP/1.1\r\n", refuseTargetForm},
	{"asterisk form", "OPTIONS * HTTP/1.1\r\n", refuseTargetForm},
	{"no target", "GET  HTTP/1.1\r\n", refuseTargetForm},
	{"two spaces", "GET  / HTTP/1.1\r\n", refuseTargetForm},
	{"no slash", "GET chat HTTP/1.1\r\n", refuseTargetForm},
	{"question mark first", "GET ?a HTTP/1.1\r\n", refuseTargetForm},
	{"HTTP/0.9", "GET /\r\n", refuseTargetByte},
	{"fragment", "GET /#a HTTP/1.1\r\n", refuseTargetByte},
	{"quote in the target", "GET /\" HTTP/1.1\r\n", refuseTargetByte},
	{"less-than in the query", "GET /?<script> HTTP/1.1\r\n", refuseTargetByte},
	{"UTF-8 in the target", "GET /é HTTP/1.1\r\n", refuseTargetByte},
	{"NUL in the target", "GET /\x00 HTTP/1.1\r\n", refuseTargetByte},
	{"DEL in the target", "GET /\x7f HTTP/1.1\r\n", refuseTargetByte},
	{"tab in the target", "GET /\t HTTP/1.1\r\n", refuseTargetByte},
	{"bare percent", "GET /% HTTP/1.1\r\n", refuseTargetByte},
	{"percent without digits", "GET /%zz HTTP/1.1\r\n", refuseTargetByte},
	{"percent with one digit", "GET /%4/a HTTP/1.1\r\n", refuseTargetByte},
	{"percent before the query", "GET /%4?a HTTP/1.1\r\n", refuseTargetByte},
	{"target of 2049", "GET /" + strings.Repeat("a", 2048) + " HTTP/1.1\r\n", refuseTargetLength},
	{"target without end", "GET /" + strings.Repeat("a", 9000), refuseTargetLength},
	{"two spaces before the version", "GET /  HTTP/1.1\r\n", refuseRequestLine},
	{"words behind the target", "GET /chat room HTTP/1.1\r\n", refuseRequestLine},
	{"no version", "GET / \r\n", refuseRequestLine},
	{"version in lower case", "GET / http/1.1\r\n", refuseRequestLine},
	{"version with a letter", "GET / HTTP/1.x\r\n", refuseRequestLine},
	{"version without a point", "GET / HTTP/11\r\n", refuseRequestLine},
	{"version with three digits", "GET / HTTP/1.10\r\n", refuseRequestLine},
	{"space behind the version", "GET / HTTP/1.1 \r\n", refuseRequestLine},
	{"request line ends in LF", "GET / HTTP/1.1\nHost: h\n\n", refuseRequestLine},
	{"request line ends in CR", "GET / HTTP/1.1\rHost: h\r\r", refuseRequestLine},
	{"HTTP/1.0", "GET / HTTP/1.0\r\n", refuseVersion},
	{"HTTP/1.2", "GET / HTTP/1.2\r\n", refuseVersion},
	{"HTTP/2.0", "GET / HTTP/2.0\r\n", refuseVersion},
	{"HTTP/3", "GET / HTTP/3\r\n", refuseVersion},

	// Header lines.
	{"line ends in LF", getChat + "Host: h\nX-A: 1\r\n\r\n", refuseLineEnd},
	{"blank line is LF", getChat + onHost + "\n", refuseLineEnd},
	{"blank line is CR", getChat + onHost + "\rX", refuseLineEnd},
	{"name ends in LF", getChat + "Host\n", refuseLineEnd},
	{"CR in a value", getChat + "Host: h\rX-A: 1\r\n\r\n", refuseLineEnd},
	{"CR CR LF", getChat + "Host: h\r\r\n\r\n", refuseLineEnd},
	{"NUL in a value", getChat + "X-A: a\x00b\r\n\r\n", refuseFieldValue},
	{"BEL in a value", getChat + "X-A: \a\r\n\r\n", refuseFieldValue},
	{"DEL in a value", getChat + "X-A: \x7f\r\n\r\n", refuseFieldValue},
	{"ESC in a value", getChat + "X-A: \x1b[2J\r\n\r\n", refuseFieldValue},
	{"space before the colon", getChat + "X-A : 1\r\n\r\n", refuseFieldName},
	{"tab before the colon", getChat + "X-A\t: 1\r\n\r\n", refuseFieldName},
	{"Host, space before the colon", getChat + "Host : h\r\n\r\n", refuseFieldName},
	{"no colon", getChat + "Host\r\n\r\n", refuseFieldName},
	{"no name", getChat + ": 1\r\n\r\n", refuseFieldName},
	{"NUL in a name", getChat + "X\x00A: 1\r\n\r\n", refuseFieldName},
	{"CR in a name", getChat + "X\rA: 1\r\n\r\n", refuseFieldName},
	{"brackets in a name", getChat + "X[A]: 1\r\n\r\n", refuseFieldName},
	{"quotes in a name", getChat + "\"X\": 1\r\n\r\n", refuseFieldName},
	{"UTF-8 in a name", getChat + "X-É: 1\r\n\r\n", refuseFieldName},
	{"white space before the first field", getChat + " Host: h\r\n\r\n", refuseFold},
	{"obs-fold", getChat + onHost + "X-A: 1\r\n 2\r\n\r\n", refuseFold},
	{"obs-fold with a tab", getChat + onHost + "X-A: 1\r\n\t2\r\n\r\n", refuseFold},
	{"blank line of blanks", getChat + onHost + " \r\n", refuseFold},
	{"65 fields", getChat + onHost + strings.Repeat("X-A: 1\r\n", 64) + "\r\n", refuseFieldCount},
	{"2000 fields", getChat + onHost + strings.Repeat("a:\r\n", 2000) + "\r\n", refuseFieldCount},
	{"long value", getChat + onHost + "X-A: " + strings.Repeat("a", 9000), refuseHeadLength},
	{"long name", getChat + onHost + strings.Repeat("a", 9000), refuseHeadLength},
	{"head of 8193", getChat + onHost + "X-A: " + strings.Repeat("a", 8193-len(getChat+onHost+"X-A: \r\n\r\n")) + "\r\n\r\n", refuseHeadLength},
	{"blanks without end", getChat + "X-A:" + strings.Repeat(" ", 9000), refuseHeadLength},

	// Host.
	{"no Host", getChat + "\r\n", refuseNoHost},
	{"handshake without Host", getChat + upgradeLines + "\r\n", refuseNoHost},
	{"two Hosts", getChat + onHost + "Host: other\r\n\r\n", refuseRepeated},
	{"the same Host twice", getChat + onHost + onHost + "\r\n", refuseRepeated},
	{"two Hosts in a handshake", opening + "host: other\r\n\r\n", refuseRepeated},
	{"empty Host", getChat + "Host:\r\n\r\n", refuseHost},
	{"Host of a blank", getChat + "Host: \r\n\r\n", refuseHost},
	{"Host with userinfo", getChat + "Host: user@h\r\n\r\n", refuseHost},
	{"Host with password", getChat + "Host: user:secret@h\r\n\r\n", refuseHost},
	{"Host with a space", getChat + "Host: a b\r\n\r\n", refuseHost},
	{"Host with a comma", getChat + "Host: a, b\r\n\r\n", refuseHost},
	{"Host with a path", getChat + "Host: h/chat\r\n\r\n", refuseHost},
	{"Host with a scheme", getChat + "Host: http://h\r\n\r\n", refuseHost},
	{"Host with a percent", getChat + "Host: h%2e\r\n\r\n", refuseHost},
	{"Host in UTF-8", getChat + "Host: é\r\n\r\n", refuseHost},
	{"Host with an empty label", getChat + "Host: a..b\r\n\r\n", refuseHost},
	{"Host begins with a point", getChat + "Host: .a\r\n\r\n", refuseHost},
	{"Host is a point", getChat + "Host: .\r\n\r\n", refuseHost},
	{"Host with an empty port", getChat + "Host: h:\r\n\r\n", refuseHost},
	{"Host with a port that is none", getChat + "Host: h:http\r\n\r\n", refuseHost},
	{"Host with a negative port", getChat + "Host: h:-1\r\n\r\n", refuseHost},
	{"Host with a large port", getChat + "Host: h:65536\r\n\r\n", refuseHost},
	{"Host with two ports", getChat + "Host: h:1:2\r\n\r\n", refuseHost},
	{"Host is a port", getChat + "Host: :80\r\n\r\n", refuseHost},
	{"Host, bare IPv6", getChat + "Host: ::1\r\n\r\n", refuseHost},
	{"Host, IPv6 open", getChat + "Host: [::1\r\n\r\n", refuseHost},
	{"Host, IPv6 empty", getChat + "Host: []\r\n\r\n", refuseHost},
	{"Host, IPv6 with a zone", getChat + "Host: [fe80::1%25eth0]\r\n\r\n", refuseHost},
	{"Host, words behind IPv6", getChat + "Host: [::1]x\r\n\r\n", refuseHost},
	{"Host, long", getChat + "Host: " + strings.Repeat("a", 256) + "\r\n\r\n", refuseHost},

	// Bodies.
	{"length with a sign", "POST / HTTP/1.1\r\n" + onHost + "Content-Length: +5\r\n\r\n", refuseLength},
	{"negative length", "POST / HTTP/1.1\r\n" + onHost + "Content-Length: -1\r\n\r\n", refuseLength},
	{"empty length", "POST / HTTP/1.1\r\n" + onHost + "Content-Length:\r\n\r\n", refuseLength},
	{"hexadecimal length", "POST / HTTP/1.1\r\n" + onHost + "Content-Length: 0x5\r\n\r\n", refuseLength},
	{"list of lengths", "POST / HTTP/1.1\r\n" + onHost + "Content-Length: 5, 5\r\n\r\n", refuseLength},
	{"length beyond an int64", "POST / HTTP/1.1\r\n" + onHost + "Content-Length: 99999999999999999999\r\n\r\n", refuseLength},
	{"two lengths", "POST / HTTP/1.1\r\n" + onHost + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", refuseRepeated},
	{"the same length twice", "POST / HTTP/1.1\r\n" + onHost + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", refuseRepeated},
	{"length and coding", "POST / HTTP/1.1\r\n" + onHost + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", refuseLengthAndCoding},
	{"coding and length", "POST / HTTP/1.1\r\n" + onHost + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", refuseLengthAndCoding},
	{"chunked", "POST / HTTP/1.1\r\n" + onHost + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", verdictPlain},
	{"gzip, chunked", "POST / HTTP/1.1\r\n" + onHost + "Transfer-Encoding: gzip, chunked\r\n\r\n", refuseCoding},
	{"coding twice", "POST / HTTP/1.1\r\n" + onHost + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", refuseCoding},
	{"coding with a GET", getChat + onHost + "Transfer-Encoding: chunked\r\n\r\n", refuseCoding},
	{"coding, empty", getChat + onHost + "Transfer-Encoding:\r\n\r\n", refuseCoding},
	{"body on a GET", getChat + onHost + "Content-Length: 5\r\n\r\nhello", refuseBody},
	{"body on a HEAD", "HEAD / HTTP/1.1\r\n" + onHost + "Content-Length: 5\r\n\r\n", refuseBody},

	// Opening handshakes.
	{"two keys", opening + "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", refuseRepeated},
	{"the same key twice", opening + onKey + "\r\n", refuseRepeated},
	{"two versions", opening + "Sec-WebSocket-Version: 8\r\n\r\n", refuseRepeated},
	{"two Upgrades", opening + "Upgrade: websocket\r\n\r\n", verdictUpgrade},
	{"two Origins", opening + "Origin: http://a\r\nOrigin: http://b\r\n\r\n", refuseRepeated},
	{"handshake with a length", opening + "Content-Length: 5\r\n\r\nhello", refuseUpgradeBody},
	{"handshake with length 0", opening + "Content-Length: 0\r\n\r\n", refuseUpgradeBody},
	{"handshake with a coding", opening + "Transfer-Encoding: chunked\r\n\r\n", refuseUpgradeBody},
	{"handshake with both", opening + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", refuseLengthAndCoding},
	{"handshake by POST", "POST /chat HTTP/1.1\r\n" + onHost + upgradeLines + "\r\n", refuseUpgradeMethod},
	{"handshake by HEAD", "HEAD /chat HTTP/1.1\r\n" + onHost + upgradeLines + "\r\n", refuseUpgradeMethod},
	{"handshake by get", "get /chat HTTP/1.1\r\n" + onHost + upgradeLines + "\r\n", refuseUpgradeMethod},
	{"no Upgrade", getChat + onHost + "Connection: Upgrade\r\n" + onVersion + onKey + "\r\n", refuseNoUpgrade},
	{"another Upgrade", getChat + onHost + "Connection: Upgrade\r\nUpgrade: h2c\r\n" + onVersion + onKey + "\r\n", refuseNoUpgrade},
	{"a key alone", getChat + onHost + onKey + "\r\n", refuseNoUpgrade},
	{"Upgrade of two", getChat + onHost + "Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n" + onVersion + onKey + "\r\n", verdictUpgrade},
	{"no Connection", getChat + onHost + "Upgrade: websocket\r\n" + onVersion + onKey + "\r\n", refuseConnection},
	{"Connection: close", getChat + onHost + "Upgrade: websocket\r\nConnection: close\r\n" + onVersion + onKey + "\r\n", refuseConnection},
	{"Connection: upgraded", getChat + onHost + "Upgrade: websocket\r\nConnection: upgraded\r\n" + onVersion + onKey + "\r\n", refuseConnection},
	{"Connection, no list of tokens", getChat + onHost + "Upgrade: websocket\r\nConnection: \"x\", Upgrade\r\n" + onVersion + onKey + "\r\n", refuseConnection},
	{"Connection on two lines", getChat + onHost + "Upgrade: websocket\r\nConnection: keep-alive\r\nConnection: Upgrade\r\n" + onVersion + onKey + "\r\n", verdictUpgrade},
	{"no version of the protocol", getChat + onHost + "Upgrade: websocket\r\nConnection: Upgrade\r\n" + onKey + "\r\n", refuseNoProtocolVersion},
	{"version 8", getChat + onHost + "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n" + onKey + "\r\n", refuseProtocolVersion},
	{"version 13, 8", getChat + onHost + "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13, 8\r\n" + onKey + "\r\n", refuseProtocolVersion},
	{"version 013", getChat + onHost + "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 013\r\n" + onKey + "\r\n", refuseProtocolVersion},
	{"empty version", getChat + onHost + "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version:\r\n" + onKey + "\r\n", refuseProtocolVersion},
	{"no key", getChat + onHost + "Upgrade: websocket\r\nConnection: Upgrade\r\n" + onVersion + "\r\n", refuseKey},
	{"empty key", getChat + onHost + "Upgrade: websocket\r\nConnection: Upgrade\r\n" + onVersion + "Sec-WebSocket-Key:\r\n\r\n", refuseKey},
	{"key of 15 bytes", getChat + onHost + "Upgrade: websocket\r\nConnection: Upgrade\r\n" + onVersion + "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA\r\n\r\n", refuseKey},
	{"key of 17 bytes", getChat + onHost + "Upgrade: websocket\r\nConnection: Upgrade\r\n" + onVersion + "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n", refuseKey},
	{"key without padding", getChat + onHost + "Upgrade: websocket\r\nConnection: Upgrade\r\n" + onVersion + "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA\r\n\r\n", refuseKey},
	{"key in base64url", getChat + onHost + "Upgrade: websocket\r\nConnection: Upgrade\r\n" + onVersion + "Sec-WebSocket-Key: -_AAAAAAAAAAAAAAAAAAAA==\r\n\r\n", refuseKey},
	{"key of words", getChat + onHost + "Upgrade: websocket\r\nConnection: Upgrade\r\n" + onVersion + "Sec-WebSocket-Key: this is 24 characters!!!\r\n\r\n", refuseKey},
	{"subprotocols, no tokens", opening + "Sec-WebSocket-Protocol: a b\r\n\r\n", refuseProtocolList},
	{"subprotocols, quoted", opening + "Sec-WebSocket-Protocol: \"a\"\r\n\r\n", refuseProtocolList},
	{"extensions, a parameter without a name", opening + "Sec-WebSocket-Extensions: permessage-deflate; =1\r\n\r\n", refuseExtensions},
	{"extensions, nothing behind a semicolon", opening + "Sec-WebSocket-Extensions: permessage-deflate;\r\n\r\n", refuseExtensions},
	{"extensions, a name with a value", opening + "Sec-WebSocket-Extensions: foo=1, permessage-deflate\r\n\r\n", refuseExtensions},
	{"extensions, half a quote", opening + "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=\"10\r\n\r\n", refuseExtensions},
	{"extensions, all forms", opening + "Sec-WebSocket-Extensions: foo, , bar; a; b=c;d=\"e\"\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", verdictUpgrade},
	{"subprotocols, second line no tokens", opening + "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: (b)\r\n\r\n", refuseProtocolList},
}

func TestJudge(t *testing.T) {
	for _, test := range heads {
		if _, v := testGuard.judge([]byte(test.raw)); v != test.want {
			t.Errorf("%s: verdict %d, want %d", test.name, v, test.want)
		}
	}
}

// The verdict does not depend on how the bytes arrived.
func TestJudgeSplit(t *testing.T) {
	for _, test := range heads {
		told := verdictMore
		for n := range len(test.raw) + 1 {
			_, v := testGuard.judge([]byte(test.raw[:n]))
			if v != told && told != verdictMore || v != verdictMore && v != test.want {
				t.Fatalf("%s: verdict %d after %d bytes, want %d", test.name, v, n, test.want)
			}
			told = v
		}
	}
}

// What is wrong is refused at the byte that shows it, not at the head's end.
func TestJudgeEarly(t *testing.T) {
	for raw, want := range map[string]verdict{
		"\x16": refuseTLS, "\x00": refuseGarbage, "G1": refuseGarbage, "GET x": refuseTargetForm,
		"GET /\r": refuseTargetByte, "GET / X": refuseRequestLine, "GET / HTTP/2": refuseVersion,
		getChat + " ": refuseFold, getChat + "X ": refuseFieldName, getChat + "X:\x00": refuseFieldValue,
		getChat + "X:\n": refuseLineEnd, getChat + "Host: @\r\n": refuseHost, getChat + onHost + onHost: refuseRepeated,
	} {
		if _, v := testGuard.judge([]byte(raw)); v != want {
			t.Errorf("%q: verdict %d, want %d", raw, v, want)
		}
		if _, v := testGuard.judge([]byte(raw[:len(raw)-1])); v != verdictMore {
			t.Errorf("%q: verdict %d before its last byte", raw, v)
		}
	}
}

func TestRefusalsAreWhole(t *testing.T) {
	used := map[verdict]bool{}
	for _, test := range heads {
		used[test.want] = true
	}
	for v := refuseTLS; int(v) < len(refusals); v++ {
		r := v.refused()
		if r.status < 400 || r.Code == "" || r.Message == "" {
			t.Errorf("verdict %d has no row", v)
		}
		if !used[v] {
			t.Errorf("verdict %d (%s) has no test", v, r.Message)
		}
	}
	for _, v := range []verdict{verdictMore, verdictUpgrade, verdictPlain} {
		if v.refused() != nil {
			t.Errorf("verdict %d is refused", v)
		}
	}
}

func TestRequest(t *testing.T) {
	raw := "POST /alice/notes?token=a?b HTTP/1.1\r\nHost:  H:80 \r\nORIGIN: null\r\nAccept: a, b;q=1\r\n" +
		"X-Other: x\r\naccept:c\r\nContent-Length: 7\r\nUpgrade: h2c\r\n\r\nmessage"
	req, v := testGuard.judge([]byte(raw))
	if v != verdictPlain {
		t.Fatalf("verdict %d", v)
	}
	for _, part := range []struct {
		name, got, want string
	}{
		{"method", string(req.method), "POST"},
		{"target", string(req.target), "/alice/notes?token=a?b"},
		{"path", string(req.path), "/alice/notes"},
		{"query", string(req.query), "token=a?b"},
		{"host", string(req.host()), "H:80"},
		{"origin", string(req.origin()), "null"},
		{"accept", elements(&req, fieldAccept), "a|b;q=1|c"},
		{"early", string(req.early), "message"},
		{"head", string(req.head), strings.TrimSuffix(raw, "message")},
		{"length", fmt.Sprint(req.length), "7"},
	} {
		if part.got != part.want {
			t.Errorf("%s is %q, want %q", part.name, part.got, part.want)
		}
	}
	req, _ = testGuard.judge([]byte(opening + "Origin:\r\n\r\n"))
	if req.query != nil || req.length != -1 || req.origin() == nil || len(req.origin()) != 0 || req.has(fieldAccept) {
		t.Errorf("what is not there: query %q, length %d, origin %v", req.query, req.length, req.origin())
	}
}

func elements(req *request, f field) string {
	var all []string
	for l := req.list(f); l.next(); {
		all = append(all, string(l.element))
	}
	return strings.Join(all, "|")
}

func TestJudgeAllocatesNothing(t *testing.T) {
	for _, raw := range []string{browserHead, getChat + onHost + "\r\n", "\x16\x03\x01"} {
		b := []byte(raw)
		if n := testing.AllocsPerRun(100, func() { testGuard.judge(b) }); n != 0 {
			t.Errorf("%v allocations for %.20q", n, raw)
		}
	}
}

// A head as a browser sends it.
const browserHead = "GET /chat?password=secret HTTP/1.1\r\nHost: porthouse.example:8080\r\nConnection: Upgrade\r\n" +
	"Pragma: no-cache\r\nCache-Control: no-cache\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Safari/537.36\r\n" +
	"Upgrade: websocket\r\nOrigin: http://porthouse.example:8080\r\nSec-WebSocket-Version: 13\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n" + onKey +
	"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" +
	"Sec-WebSocket-Protocol: porthouse.v1.raw\r\n\r\n"

func BenchmarkJudge(b *testing.B) {
	head := []byte(browserHead)
	b.SetBytes(int64(len(head)))
	b.ReportAllocs()
	for b.Loop() {
		if _, v := testGuard.judge(head); v != verdictUpgrade {
			b.Fatal(v)
		}
	}
}

func BenchmarkJudgeSmall(b *testing.B) {
	head := []byte(opening + "\r\n")
	b.ReportAllocs()
	for b.Loop() {
		testGuard.judge(head)
	}
}

// FuzzGuard: what the guard takes, net/http reads as the same request, and
// the upgrader upgrades; what it makes of a prefix, it makes of the whole.
func FuzzGuard(f *testing.F) {
	for _, test := range heads {
		f.Add([]byte(test.raw))
	}
	f.Add([]byte(browserHead))
	f.Fuzz(func(t *testing.T, b []byte) {
		given := bytes.Clone(b)
		req, v := testGuard.judge(b)
		for n := range min(len(b), 512) {
			if _, early := testGuard.judge(b[:n]); early != verdictMore && early != v {
				t.Fatalf("verdict %d after %d bytes, %d after all", early, n, v)
			}
		}
		if v == passed || int(v) >= len(refusals) {
			t.Fatalf("verdict %d", v)
		}
		if v != verdictUpgrade && v != verdictPlain {
			return
		}
		sameRequest(t, b, &req)
		if v == verdictUpgrade {
			response, err := upgrade(nil, req.upgradable(), "", 1)
			if err != nil || !bytes.HasPrefix(response, []byte("HTTP/1.1 101 ")) {
				t.Fatalf("not upgraded: %v %q", err, response)
			}
		}
		if !bytes.Equal(b, given) {
			t.Fatal("the bytes were changed")
		}
	})
}

// sameRequest compares a request with what net/http reads in the same bytes.
func sameRequest(t *testing.T, b []byte, req *request) {
	theirs, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
	if err != nil {
		t.Fatalf("net/http refuses it: %v", err)
	}
	equal := func(what, ours, theirs string) {
		if ours != theirs {
			t.Fatalf("%s: %q, net/http says %q", what, ours, theirs)
		}
	}
	equal("method", string(req.method), theirs.Method)
	equal("target", string(req.target), theirs.RequestURI)
	equal("query", string(req.query), theirs.URL.RawQuery)
	equal("host", string(req.host()), theirs.Host)
	equal("length", fmt.Sprint(max(req.length, 0)), fmt.Sprint(max(theirs.ContentLength, 0)))
	for f := fieldOrigin; f < fieldsKnown; f++ {
		var ours []string
		for l := (fieldList{rest: req.fields, field: f}); l.nextLine(); {
			ours = append(ours, string(l.value))
		}
		name := textproto.CanonicalMIMEHeaderKey(fieldRules[f].name)
		if f == fieldCoding { // it has a place of its own
			theirs.Header[name] = theirs.TransferEncoding
			for n := range ours {
				ours[n] = strings.ToLower(ours[n])
			}
			equal(name, fmt.Sprintf("%q", ours), fmt.Sprintf("%q", theirs.Header[name]))
			continue
		}
		equal(name, fmt.Sprintf("%q", ours), fmt.Sprintf("%q", theirs.Header[name]))
		equal(name, string(req.value(f)), theirs.Header.Get(name))
	}
	if theirs.ContentLength < 0 { // chunked; and net/http takes an h2c preface that way
		return
	}
	body, _ := io.ReadAll(theirs.Body)
	early := req.early[:min(max(req.length, 0), int64(len(req.early)))]
	equal("body", string(early), string(body))
}
