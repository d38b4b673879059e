package schema

// sealedSecret stands for a secret that stays where it is.
const sealedSecret = "AAAAAAAAAAAAAAAA"

// Sealed is the rules as the processes of a house tell them to each other: all
// of them, and of its secrets only that there are some. A driver's are told:
// a puddle has to say them.
func (r Rules) Sealed() []byte {
	return object(^keySet(0), func(row int) any {
		switch {
		case row == rowPassword && r.Password.Set():
			return storedHash{sealedSecret}
		case row == rowOTP && r.OTP.Kind == OTPRoom:
			return sealedSecret
		case row == rowDriver:
			return r.Driver.stored()
		}
		return ruleKeys[row].show(&r)
	})
}

// Unseal reads what Sealed wrote.
func Unseal(input []byte) (Rules, *Refusal) {
	p, refusal := parseRules(input, map[int]reader{rowPassword: readStoredHash})
	if refusal == nil {
		refusal = p.wholeDriver()
	}
	if refusal != nil {
		return Rules{}, refusal
	}
	return Said{p.said, p.values}.Over(DefaultRules()), nil
}
