# docs/reference.md says what the comments in the database say.
use strict;
use warnings;
use Test::More tests => 1;

my $out = `scripts/reference --check 2>&1`;
is($?, 0, 'docs/reference.md is up to date') or diag($out);
