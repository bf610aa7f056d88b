a = <<EOF
one
EOF
b {
  c = 1 # x
}
// last