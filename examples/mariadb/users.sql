-- Whoever has the SVID of the frontend is this user, and nobody else.
CREATE OR REPLACE USER 'frontend'@'%' REQUIRE SUBJECT '/C=US/O=SPIRE/CN=frontend.example.org';

-- What the agent needs for FLUSH SSL. The password is in signet-reload.cnf, too.
CREATE OR REPLACE USER 'signet'@'localhost' IDENTIFIED BY 'choose another one';
GRANT RELOAD ON *.* TO 'signet'@'localhost';
