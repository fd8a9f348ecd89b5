// The room is built file by file; this placeholder goes with the first.
