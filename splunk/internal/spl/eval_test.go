package spl

import (
	"reflect"
	"testing"
)

func TestEval(t *testing.T) {
	ev := Event{"n": "7", "big": "1024", "text": "a|b", "list": []string{"x", "y", "z"}, "a{}.b": "deep", "zero": "0"}
	f := func(in string, want any) {
		t.Helper()
		e, err := ParseExpr(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			return
		}
		if got := e.Eval(ev); !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %#v, want %#v", in, got, want)
		}
	}
	f(`1 + 2 * 3 - 4 / 2`, 5.0)
	f(`n % 2 = 1 AND NOT n > 8`, true)
	f(`n=1 OR n=7 AND big=1`, false)
	f(`(n=1 OR n=7) AND big=1024`, true)
	f(`n > 10`, false)    // as numbers
	f(`text > "Z"`, true) // as text
	f(`nothing = 1`, nil)
	f(`nothing + 1`, nil)
	f(`if(nothing=1, "a", "b")`, "b")
	f(`if(NOT (n=1 OR n=58), 1, 2)`, 1.0)
	f(`case(n=1, "a", n=7, "b", true(), "c")`, "b")
	f(`case(n=1, "a")`, nil)
	f(`coalesce(nothing, null(), n)`, "7")
	f(`isnull(nothing) AND isnotnull(n) AND isnum(n) AND NOT isnum(text)`, true)
	f(`floor(n / 2)`, 3.0)
	f(`round(10 / 3, 2)`, 3.33)
	f(`n / 0`, nil)
	f(`"a" . n . "b"`, "a7b")
	f(`max(n, big, nothing)`, 1024.0)
	f(`min(n, 3)`, 3.0)
	f(`mvappend("a", null(), list)`, []string{"a", "x", "y", "z"})
	f(`mvappend(null(), null())`, nil)
	f(`mvindex(list, mvfind(list, "^y$"))`, "y")
	f(`mvindex(list, -1)`, "z")
	f(`mvindex(list, 5)`, nil)
	f(`mvindex(split(text, "|"), 1)`, "b")
	f(`mvjoin(mvzip(list, list, "/"), " ")`, "x/x y/y z/z")
	f(`mvrange(0, 900, 300)`, []string{"0", "300", "600"})
	f(`mvrange(0, 300, 300)`, "0")
	f(`match(text, "^a.b$")`, true)
	f(`'a{}.b'`, "deep")
	f(`urldecode("a%7Cb")`, "a|b")
	f(`replace("10.1.2.3", "^(\\d+)\\..*$", "\1")`, "10")
	f(`-n`, -7.0)
	for _, bad := range []string{`1 +`, `(1`, `nofunction(1)`, `if(1, 2)`, `a b`, `"x`, ``} {
		if _, err := ParseExpr(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
