"""What a running Ringback tells its operators: typed telemetry events, log lines, the record of each attempt.

`telemetry` says what can be told, `logs` writes it as lines, `attempts` writes the wide record of every request.
Nothing here decides anything, and nothing that fails here may stop a delivery.
"""
