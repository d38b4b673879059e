package book

import (
	"context"

	"github.com/porthouse/porthouse/schema"
)

// Hashed is a patch whose plain password, if it sets one, went through the
// Hasher. Errors are the Hasher's.
func (b *Book) Hashed(ctx context.Context, patch schema.Patch) (schema.Patch, error) {
	plain, set := patch.Plain()
	if !set {
		return patch, nil
	}
	hash, err := b.Hasher(ctx, plain)
	if err != nil {
		return patch, err
	}
	return patch.Hashed(hash), nil
}
