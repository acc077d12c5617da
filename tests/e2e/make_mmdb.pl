#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Make a MaxMind DB file from JSON on standard input:
#   {"path":…, "type":…, "ip_version":6, "record_size":24, "languages":[…],
#    "networks":[["192.0.2.0/24", {…}], …]}
use strict;
use warnings;
use JSON::PP;
use MaxMind::DB::Writer::Tree;

my $wanted = decode_json(join '', <STDIN>);
# What kind a value is, by its key; everything else is text.
my %kinds = (
	autonomous_system_number => 'uint32',
	as_number => 'uint32',
	geoname_id => 'uint32',
	continent => 'map',
	country => 'map',
	city => 'map',
	names => 'map',
	subdivisions => ['array', 'map'],
	nested => 'map',
);
my $flat = $wanted->{flat};
my $tree = MaxMind::DB::Writer::Tree->new(
	ip_version => $wanted->{ip_version},
	record_size => $wanted->{record_size},
	database_type => $wanted->{type},
	languages => $wanted->{languages} || [],
	description => { en => 'made by the tests of ipacct' },
	alias_ipv6_to_ipv4 => $wanted->{ip_version} == 6 ? 1 : 0,
	remove_reserved_networks => 0,
	map_key_type_callback => sub {
		my $key = shift;
		# flat layouts have text where nested ones have maps
		return 'utf8_string' if $flat && $key =~ /^(country|city|continent)$/;
		return $kinds{$key} || 'utf8_string';
	},
);
$tree->insert_network(@$_) for @{ $wanted->{networks} };
open my $out, '>:raw', $wanted->{path} or die "$wanted->{path}: $!";
$tree->write_tree($out);
close $out or die "$wanted->{path}: $!";
