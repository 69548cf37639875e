"""Tests of the decoders and encoders, against bytes written out by hand."""
