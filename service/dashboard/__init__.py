"""The dashboard at `/`: pages rendered here, refreshed in parts by htmx, all from this machine.

`routes` answers, `visitors` knows who is logged in, `panels` gathers what each part shows, `charts`
draws, `templates/` and `static/` are what they say.
"""
