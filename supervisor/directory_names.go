package supervisor

import "slices"

// names is a sorted set of names in pieces, so that one more costs little
// however many there are.
type names struct{ pieces [][]string }

// pieceMost is when a piece is cut in two.
const pieceMost = 512

func (n *names) add(name string) {
	p := n.pieceOf(name)
	if p == len(n.pieces) {
		if p == 0 {
			n.pieces = append(n.pieces, nil)
		} else {
			p--
		}
	}
	at, found := slices.BinarySearch(n.pieces[p], name)
	if found {
		return
	}
	n.pieces[p] = slices.Insert(n.pieces[p], at, name)
	if piece := n.pieces[p]; len(piece) > pieceMost {
		half := slices.Clone(piece[pieceMost/2:])
		n.pieces[p] = slices.Delete(piece, pieceMost/2, len(piece))
		n.pieces = slices.Insert(n.pieces, p+1, half)
	}
}

func (n *names) remove(name string) {
	p := n.pieceOf(name)
	if p == len(n.pieces) {
		return
	}
	at, found := slices.BinarySearch(n.pieces[p], name)
	if !found {
		return
	}
	if n.pieces[p] = slices.Delete(n.pieces[p], at, at+1); len(n.pieces[p]) == 0 {
		n.pieces = slices.Delete(n.pieces, p, p+1)
	}
}

// all yields the names in order.
func (n *names) all(yield func(string) bool) {
	for _, piece := range n.pieces {
		for _, name := range piece {
			if !yield(name) {
				return
			}
		}
	}
}

// pieceOf is the first piece that does not end before name; none is empty.
func (n *names) pieceOf(name string) int {
	at, _ := slices.BinarySearchFunc(n.pieces, name, func(piece []string, name string) int {
		if piece[len(piece)-1] < name {
			return -1
		}
		return 1
	})
	return at
}
