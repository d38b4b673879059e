package room

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/porthouse/porthouse/schema"
)

// The kinds of askers. Who owns, rules or is listed follows from the name, so
// that the oracle below can speak in names.
var askers = []Asker{
	{},
	{Client: "stranger"},
	{Client: "listed"},
	{Client: "denied"},
	{Client: "both"}, // in allow and deny
	{Client: "owner", Owner: true},
	{Client: "admin", Admin: true},
	{Admin: true}, // the operator
}

var proofs = []struct{ proved, failed Asks }{
	{},
	{proved: AskPassword | AskOTP},
	{failed: AskPassword | AskOTP},
	{proved: AskPassword},
	{proved: AskPassword, failed: AskOTP},
}

var origins = []struct {
	origin  []byte
	foreign bool
}{
	{nil, false},
	{[]byte("https://house.example"), false},
	{[]byte("https://elsewhere.example"), true},
	{[]byte("null"), true},
}

var otps = []schema.OTP{{}, {Kind: schema.OTPOwn}, {Kind: schema.OTPRoom}}

// eachRules hands out every mix of the rules that entry depends on.
func eachRules(visit func(rules *schema.Rules)) {
	for n := range 4 * 2 * 3 * 2 * 3 * 2 {
		pick := func(of int) (which int) { which, n = n%of, n/of; return which }
		rules := schema.DefaultRules()
		rules.Allow, rules.Deny = []string{"listed", "both"}, []string{"denied", "both"}
		rules.Access = schema.Access(pick(4))
		if pick(2) == 1 {
			rules.Password = schema.StoredPassword("hash")
		}
		rules.OTP = otps[pick(3)]
		rules.Visible = pick(2) == 1
		rules.Anonymous = []schema.Limit{schema.NoLimit, 0, 5}[pick(3)]
		rules.Members = []schema.Limit{schema.NoLimit, 9}[pick(2)]
		visit(&rules)
	}
}

func TestMayEnterEveryRuleAskerSurface(t *testing.T) {
	cases, codes := 0, map[int]int{}
	eachRules(func(rules *schema.Rules) {
		for n := range len(askers) * len(proofs) * len(origins) * 4 * int(Surfaces) * 2 * 3 {
			pick := func(of int) (which int) { which, n = n%of, n/of; return which }
			a := askers[pick(len(askers))]
			proof := proofs[pick(len(proofs))]
			a.Proved, a.Failed = proof.proved, proof.failed
			from := origins[pick(len(origins))]
			a.Origin, a.Host = from.origin, []byte("house.example:8080")
			a.Scope = schema.Scope(pick(4))
			a.Surface = Surface(pick(int(Surfaces)))
			a.Member = pick(2) == 1
			now := []Present{{0, 0}, {8, 5}, {9, 4}}[pick(3)]

			got := MayEnter(rules, &a, now)
			status, asks := expectEntry(rules, &a, from.foreign, now)
			cases++
			codes[status]++
			if got.Why == Ask && status != 1 || got.Why != Ask && got.Status() != status || got.Asks != asks {
				t.Fatalf("rules %s\nasker %+v\nnow %+v\ngot %+v, want status %d asks %v", rules, a, now, got, status, asks)
			}
		}
	})
	t.Logf("%d cases: %v", cases, codes)
}

// expectEntry is the contract as a list of objections; the first one that
// holds is the answer. Status 1 is an ask.
func expectEntry(rules *schema.Rules, a *Asker, foreign bool, now Present) (status int, asks Asks) {
	name, chief, access := a.Client, a.Owner || a.Admin, rules.Access.String()
	inAllow, inDeny := name == "listed" || name == "both", name == "denied" || name == "both"
	var missing Asks
	if rules.Password.Set() && a.Proved&AskPassword == 0 {
		missing += AskPassword
	}
	if rules.OTP.Kind > 0 && a.Proved&AskOTP == 0 {
		missing += AskOTP
	}
	hidden := !rules.Visible && !chief && !a.Member
	onSocket := a.Surface == OnSocket || a.Surface == OnSibling
	full := rules.Members == 9 && now.Members == 9 || rules.Anonymous == 5 && now.Anonymous == 5 && name == "" && !chief
	objections := []struct {
		holds  bool
		status int
		door   bool // told as 404 where the room is hidden
	}{
		{foreign, 403, true},
		{a.Scope == schema.ScopeNone, 403, true},
		{!chief && inDeny, 403, true},
		{!chief && name == "" && rules.Anonymous == 0, 401, true},
		{!chief && name == "" && rules.OTP.Kind == schema.OTPOwn, 401, true},
		{!chief && name == "" && access != "anyone", 401, true},
		{!chief && access == "listed" && !inAllow, 403, true},
		{!chief && access == "owner", 403, true},
		{!chief && !a.Member && missing&a.Failed != 0, 401, false},
		{!chief && !a.Member && missing != 0 && onSocket, 1, false},
		{!chief && !a.Member && missing != 0, 401, false},
		{!a.Member && onSocket && full, 503, false},
	}
	for i, objection := range objections {
		switch {
		case !objection.holds:
			continue
		case objection.door && hidden:
			return 404, 0
		case i >= 8 && i <= 10:
			return objection.status, missing
		}
		return objection.status, 0
	}
	return 200, 0
}

func TestMaySendEveryRuleAsker(t *testing.T) {
	for send := schema.SendMembers; send <= schema.SendNobody; send++ {
		for _, a := range askers {
			for scope := schema.ScopeAll; scope <= schema.ScopeNone; scope++ {
				for surface := OnSocket; surface < Surfaces; surface++ {
					rules := schema.DefaultRules()
					rules.Allow, rules.Deny, rules.Send = []string{"listed", "both"}, []string{"denied", "both"}, send
					a.Scope, a.Surface = scope, surface
					if got, want := MaySend(&rules, &a).Status(), expectSend(send.String(), &a); got != want {
						t.Errorf("send %s, asker %+v: %d, want %d", send, a, got, want)
					}
				}
			}
		}
	}
}

func expectSend(send string, a *Asker) int {
	who := a.Client
	switch {
	case a.Owner || a.Admin:
		who = "chief"
	case who == "":
		who = "anonymous"
	}
	allowed := map[string]string{ // by rule, whom it lets send
		"members":       "anonymous stranger listed chief",
		"authenticated": "stranger listed chief",
		"listed":        "listed chief",
		"owner":         "chief",
		"nobody":        "",
	}[send]
	switch {
	case a.Scope == schema.ScopeHear || a.Scope == schema.ScopeNone:
		return 403
	case slices.Contains(strings.Fields(allowed), who):
		return 200
	case who == "anonymous" && send != "nobody":
		return 401
	}
	return 403
}

func TestWhoSeesListsRules(t *testing.T) {
	for _, visible := range []bool{true, false} {
		for _, a := range askers {
			for _, member := range []bool{true, false} {
				rules := schema.DefaultRules()
				rules.Visible, a.Member = visible, member
				chief := a.Owner || a.Admin
				refused := map[bool]int{true: 403, false: 401}[a.Client != ""]
				if !visible && !member {
					refused = 404
				}
				check := func(what string, got, want int) {
					if got != want {
						t.Errorf("%s visible %v asker %+v: %d, want %d", what, visible, a, got, want)
					}
				}
				see, list, rule := 404, refused, refused
				if visible || member || chief {
					see = 200
				}
				if member || chief {
					list = 200
				}
				if chief {
					rule = 200
					if a.Scope != schema.ScopeAll {
						rule = 403
					}
				}
				check("list", MayListMembers(&rules, &a).Status(), list)
				check("rule", MayRule(&rules, &a).Status(), rule)
				if MaySee(&rules, &a) != (see == 200) {
					t.Errorf("see visible %v asker %+v", visible, a)
				}
			}
		}
	}
}

// Every reason but Granted has a code, a message, a status and a close code.
func TestVerdictsAreWhole(t *testing.T) {
	closes := map[int]schema.CloseCode{401: 4401, 403: 4403, 404: 4404, 503: 4413}
	for why := Granted + 1; why < reasons; why++ {
		v := Verdict{Why: why}
		if v.Code() == "" || v.Refusal().Message == "" || closes[v.Status()] == 0 || v.Close() != closes[v.Status()] {
			t.Errorf("reason %d: %+v %d %d", why, v.Refusal(), v.Status(), v.Close())
		}
	}
	if v := (Verdict{}); !v.Granted() || v.Refusal() != nil || v.Status() != 200 {
		t.Errorf("granted: %+v", v)
	}
	if got := fmt.Sprint((AskPassword | AskOTP).Names(), Asks(0).Names()); got != "[password otp] []" {
		t.Error(got)
	}
}

func TestMayHear(t *testing.T) {
	for scope, want := range map[schema.Scope]bool{schema.ScopeAll: true, schema.ScopeHear: true, schema.ScopeSend: false, schema.ScopeNone: false} {
		if MayHear(&Asker{Scope: scope}) != want {
			t.Errorf("scope %d", scope)
		}
	}
}

func TestJudgingAllocatesNothing(t *testing.T) {
	rules := schema.DefaultRules()
	a := Asker{Client: "alice"}
	if n := testing.AllocsPerRun(100, func() { MayEnter(&rules, &a, Present{}); MaySend(&rules, &a) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
