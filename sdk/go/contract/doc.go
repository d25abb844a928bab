// Package contract holds no code: its tests compare real answers of the SDK with the
// JSON Schemas in docs/schema. It is a module of its own so that the SDK needs nothing
// but the standard library.
package contract
