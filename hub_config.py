"""JupyterHub's configuration file: the platform's settings through ``tradewind.hub.config``."""

from tradewind.hub import config, lab_files, tuning
from tradewind.hub.accounts import ensure_first_admin
from tradewind.settings import load_settings

settings = load_settings()
settings.paths.create()
tuning.look_more_often()
tuning.limit_bodies(config.BODY_LIMIT)
lab_files.serve()
name, password = ensure_first_admin(settings)
if password:  # started without `make up`, which shows it on the terminal
    print(f"Sign in as {name} / {password} (shown once)", flush=True)  # noqa: T201
c = get_config()  # noqa: F821  # type: ignore[name-defined]
for cls, traits in config.build(settings).items():
    for trait, value in traits.items():
        setattr(c[cls], trait, value)
