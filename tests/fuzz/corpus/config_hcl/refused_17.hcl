a = << EOF
x
EOF
