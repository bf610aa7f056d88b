# hash
// slashes
/* a
   block */
a = 1 # after
b /* between */ = // before the value
  2
c = [ # first
  "x", // second
  /* third */ "y" # no comma
]
d { # open
} /**/ e = 3 /***/
#
