a = <<EOF
one
two
EOF
b = <<-EOT
    one
      two
    three
    EOT
c = <<-EOT
  deep
 shallow
  EOT
d = <<X
  indented end
  X
e = <<EMPTY
EMPTY
f = <<-END
	tab

	tab
	END
g = ["x", <<EOF
in a list
EOF
, "y"]
after = "yes"
