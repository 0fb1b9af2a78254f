package main

import (
	"fmt"
	"math"
	"strconv"

	"github.com/spf13/pflag"
)

// number is the value of a flag that is a whole number, not less than least.
type number struct {
	n     *int
	least int
}

// numberFlag adds a flag for a number.
func numberFlag(f *pflag.FlagSet, n *int, name, short string, least, otherwise int, usage string) {
	*n = otherwise
	f.VarP(number{n, least}, name, short, usage)
}

func (v number) String() string {
	if v.n == nil {
		return "0"
	}
	return strconv.Itoa(*v.n)
}

// Set reads the flag.
func (v number) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < v.least || n > math.MaxInt32 {
		return fmt.Errorf("it must be a whole number from %d", v.least)
	}
	*v.n = n
	return nil
}

// Type is what help shows where the usage names no value.
func (v number) Type() string { return "int" }
