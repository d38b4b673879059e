package table

// Point, where a test has set it, is called wherever a process may die and
// leave something done and something not: before and after each store that a
// successor goes by, and after each call that takes from the kernel or gives
// to it.
var Point func()

func point() {
	if Point != nil {
		Point()
	}
}
