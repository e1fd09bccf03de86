"""``python -m amc_xai``: compose the configuration, make the parts, run the task, return its objective."""

import logging
import os
import sys
from importlib.resources import files
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from amc_xai import config
from amc_xai.errors import UserError
from amc_xai.parts import make_parts, trusted_targets
from amc_xai.search import plugin

log = logging.getLogger("amc_xai")
# Under `uv run` Ray's workers would get a copy of the working folder, with a database of the study of its own.
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
config.register()
plugin.register()


def config_folder() -> str:
    """``conf/`` beside the package in a clone, inside the package when it is installed."""
    package = Path(str(files("amc_xai")))
    inside = package / "conf"
    return str(inside if inside.is_dir() else package.parent / "conf")


@hydra.main(
    config_path=config_folder(), config_name="config", execution_whitelist=(*trusted_targets(), "logging.*")
)
def run(cfg: DictConfig) -> float | list[float] | None:
    """One job: a single run, or one of a sweep, whose objective goes back to the sweeper."""
    job = HydraConfig.get()
    overrides = list(job.overrides.task)
    try:
        config.refuse_lone_search(job.runtime.choices, job.mode == RunMode.MULTIRUN)
        if job.mode == RunMode.MULTIRUN and int(os.environ.get("WORLD_SIZE", 1)) > 1:
            raise UserError(
                "-m goes with one process a job; for several devices start one controller on each instead"
            )
        config.check(cfg)
        parts = make_parts(cfg, Path(job.runtime.output_dir), overrides)
        task = hydra.utils.instantiate(
            parts.config["task"], _convert_="all", _execution_whitelist_=trusted_targets()
        )
        return task(parts)
    except Exception as error:
        cause = user_error(error)
        if cause is None:
            raise
        # In a sweep this line stands in the failed job's own log, where it happened.
        log.error("%s", cause)
        if int(os.environ.get("RANK", 0)) > 0 and int(os.environ.get("LOCAL_RANK", 0)) == 0:
            print(cause, file=sys.stderr)  # without a log of its own, and on another host than the first process
        if job.mode == RunMode.RUN:
            # Not the error itself: Hydra would write its traceback into the log.
            raise SystemExit(1) from None
        raise cause from None


def user_error(error: BaseException | None) -> UserError | None:
    """The user error behind ``error``: Hydra wraps what a part raises while it is instantiated."""
    while error is not None and not isinstance(error, UserError):
        if lacks_memory(error):
            return UserError(
                f"out of memory ({str(error).splitlines()[0][:160]}); lower trainer.batch_size, "
                "representation.image_size, or whatever was set unusually large"
            )
        error = error.__cause__
    # From a process that reads frames (trainer.workers) torch brings it as the text of a whole traceback.
    if error is not None and str(error).startswith("Caught "):
        return UserError(str(error).rpartition("Error: ")[2].strip())
    return error


def lacks_memory(error: BaseException) -> bool:
    """Whether Python, numpy or torch (on a CPU or a GPU) asked for more memory than there is."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and "allocate memory" in str(error)


def main() -> None:
    """The console script: every foreseeable error ends in one sentence and exit code 1."""
    # Hydra would print a traceback for an error in a job; this makes it raise instead.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    sys.argv[1:] = config.spelled_out(sys.argv[1:])
    if int(os.environ.get("RANK", 0)) > 0:
        # One run folder and one log, those of the first process of `accelerate launch` or `torchrun`.
        quiet = ["hydra/job_logging=disabled", "hydra/hydra_logging=disabled"]
        sys.argv += ["hydra.run.dir=.", "hydra.output_subdir=null", *quiet]
    try:
        run()
    except UserError:
        sys.exit(1)
    except KeyboardInterrupt:
        print("stopped by the user", file=sys.stderr)
        sys.exit(130)
    except (HydraException, OmegaConfBaseException) as error:
        from amc_xai.mistyped import plainly

        causes = [error, *([error.__cause__] if isinstance(error.__cause__, OmegaConfBaseException) else [])]
        print(plainly(error, Path(config_folder())) or "\n".join(map(str, causes)), file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        if not blames_run_folder(error):
            raise
        print(
            f"hydra.run.dir: the run folder {error.filename} can't be written ({error.strerror}); "
            "choose a folder that you may write to, such as hydra.run.dir=outputs/my_run",
            file=sys.stderr,
        )
        sys.exit(1)
    finally:
        leave_processes()
        flush_output()


def flush_output() -> None:
    """Say the rest, or drop it where nobody reads it, as in ``--help | head``: Python would complain at its end.

    See "Note on SIGPIPE" in the documentation of Python's ``signal``.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def leave_processes() -> None:
    """Part from the other processes of a training, where there are any."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def blames_run_folder(error: OSError) -> bool:
    """Whether Hydra itself failed to make the run folder, before the job began."""
    traceback, frames = error.__traceback__, []
    while traceback is not None:
        frames.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    return "run_job" in frames and "run" in frames and frames[-1] in ("mkdir", "makedirs", "_save_config", "open")


if __name__ == "__main__":
    main()
