plain = "text"
empty = ""
quotes = "a \"b\" c"
slashes = "C:\\dir\\file"
escaped = "\u00e9\U0001F600\x41\101"
utf8 = "Grüße, 世界"
ref = "${var.x} and ${lookup(a, "b")} end"
brace = "${ {a} }" after = "$ {x} {y} $$"
"quoted key" = 1
"dotted.key" = 2
dotted.word = 3
with-dash_1 = 4
"" = 5
