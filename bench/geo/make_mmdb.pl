#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# A database of the bench: 300,000 networks, 20,000 places, in MaxMind's City layout with the AS in it.
#
# usage: make_mmdb.pl OUTPUT
use strict;
use warnings;
use MaxMind::DB::Writer::Tree;

my $NETWORKS = 300_000; # /20 from 1.0.0.0 on, every third: 1.0.0.0 to 220.118.0.0
my $PLACES = 20_000;
my %types = (
	country => 'map', iso_code => 'utf8_string', names => 'map', en => 'utf8_string',
	de => 'utf8_string', subdivisions => ['array', 'map'], city => 'map',
	location => 'map', latitude => 'double', longitude => 'double', time_zone => 'utf8_string',
	autonomous_system_number => 'uint32', autonomous_system_organization => 'utf8_string',
);

sub place {
	my ($i) = @_;
	my $country = chr(65 + $i % 24) . chr(65 + int($i / 24) % 10);
	return {
		country => { iso_code => $country, names => { en => "Country $country", de => "Land $country" } },
		subdivisions => [{ iso_code => 'R' . $i % 900, names => { en => 'Region ' . $i % 900 } }],
		city => { names => { en => "City number $i", de => "Stadt Nummer $i" } },
		location => { latitude => $i % 180 - 90, longitude => $i % 360 - 180, time_zone => 'Etc/UTC' },
		autonomous_system_number => 64496 + $i % 5000,
		autonomous_system_organization => 'Example Network Operator ' . $i % 5000 . ' Ltd',
	};
}

my $tree = MaxMind::DB::Writer::Tree->new(
	ip_version => 6,
	record_size => 28,
	database_type => 'Bench-City-ASN',
	languages => ['en', 'de'],
	description => { en => 'made for a bench' },
	map_key_type_callback => sub { $types{ $_[0] } },
	remove_reserved_networks => 0,
);
my @places = map { place($_) } 0 .. $PLACES - 1;
for my $i (0 .. $NETWORKS - 1) {
	my $address = join '.', unpack 'C4', pack 'N', 0x01000000 + $i * 3 * 4096;
	$tree->insert_network("$address/20", $places[($i * 7919) % $PLACES]);
}
open my $file, '>:raw', $ARGV[0] or die "$ARGV[0]: $!\n";
$tree->write_tree($file);
close $file or die "$ARGV[0]: $!\n";
