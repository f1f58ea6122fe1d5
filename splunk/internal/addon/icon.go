package addon

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
)

// icon draws a weir, size pixels wide and high: a wall in the water, and three
// streams over it.
func icon(size int) []byte {
	img := image.NewNRGBA(image.Rect(0, 0, size, size))
	back, water, wall := color.NRGBA{0x10, 0x3a, 0x5c, 0xff}, color.NRGBA{0x5b, 0xc0, 0xeb, 0xff}, color.NRGBA{0xf2, 0xf4, 0xf5, 0xff}
	for y := range size {
		for x := range size {
			u, v := (float64(x)+0.5)/float64(size), (float64(y)+0.5)/float64(size)
			c := back
			for i := range 3 {
				level := 0.25 + 0.2*float64(i)
				if u > 0.5 { // behind the wall the water is lower
					level += 0.15 * (1 - math.Cos(math.Min((u-0.5)/0.2, 1)*math.Pi)) / 2
				}
				if math.Abs(v-level-0.025*math.Sin(u*4*math.Pi)) < 0.05 {
					c = water
				}
			}
			if math.Abs(u-0.5) < 0.06 && v > 0.4 {
				c = wall
			}
			img.SetNRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic("addon: bug: " + err.Error()) // a Buffer takes all
	}
	return b.Bytes()
}
