"""What a running Ringback tells its operators: typed telemetry events, log lines, the record of each attempt.

`telemetry` says what can be told, `logs` writes it as lines and `happenings` counts it. `attempts` is the value and the
wide record of every request, `meters` count on the hot path, `tracing` makes spans; `families` and `attributes` are the
catalogues, `prometheus` shows it all, `watching` puts it together.
Nothing here decides anything, and nothing that fails here may stop a delivery.
"""
