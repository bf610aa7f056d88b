a = "x
"
