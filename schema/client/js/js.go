// Package js holds the JavaScript client, so that a house can serve it.
package js

import _ "embed" // of the client

// Client is porthouse.js, an ECMAScript module.
//
//go:embed porthouse.js
var Client []byte
