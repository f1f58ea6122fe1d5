package flow

import "testing"

// A column that is copied is the column, whatever its size.
func TestCopies(t *testing.T) {
	fl := make([]Flow, 3)
	for i := range fl {
		for x := range Field(NumFields) {
			if a := fl[i].Addr(x); a != nil {
				*a = Addr{0: byte(i), 7: byte(x), 15: 1}
			} else {
				fl[i].SetUint(x, uint64(i+1)<<(8*Fields[x].Size-2)|uint64(x))
			}
		}
	}
	for x := range Field(NumFields) {
		var u8 [2]uint8
		var u16 [2]uint16
		var u32 [2]uint32
		var u64 [2]uint64
		var addr [2]Addr
		Copy8(u8[:], fl, x)
		Copy16(u16[:], fl, x)
		Copy32(u32[:], fl, x)
		Copy64(u64[:], fl, x)
		CopyAddr(addr[:], fl, x)
		for i := range u8 {
			f := &fl[i]
			if a := f.Addr(x); a != nil {
				if addr[i] != *a || u8[i] != 0 || u16[i] != 0 || u32[i] != 0 || u64[i] != 0 {
					t.Errorf("%s of flow %d is %v", Fields[x].Name, i, addr[i])
				}
				continue
			}
			if got := uint64(u8[i]) + uint64(u16[i]) + uint64(u32[i]) + u64[i]; got != f.Uint(x) || got == 0 || addr[i] != (Addr{}) {
				t.Errorf("%s of flow %d is %d, not %d", Fields[x].Name, i, got, f.Uint(x))
			}
		}
	}
}
