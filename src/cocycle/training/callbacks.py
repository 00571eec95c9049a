"""The monitor as a callback of the usual trainers, each made only where its package is asked for."""

import importlib
from typing import Any

from cocycle.training.monitor import StabilityMonitor


def huggingface_callback(monitor: StabilityMonitor) -> Any:
    """Make a `transformers.TrainerCallback` that looks after each optimiser step.

    Args:
        monitor: of a TorchProblem with the model that is trained.

    Returns:
        Callback for `Trainer(callbacks=[...])`. The learning rate of the moment is that of the optimiser.

    Raises:
        ImportError: if transformers is not installed.
    """
    transformers = importlib.import_module("transformers")

    class MonitorCallback(transformers.TrainerCallback):
        """Looks after each optimiser step."""

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            """Look at the model.

            Args:
                args: settings of the trainer.
                state: its state, for the step.
                control: not touched.
                **kwargs: the optimiser among them.
            """
            _look(monitor, state.global_step, kwargs.get("optimizer"))

        def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            """Close the monitor.

            Args:
                args: settings of the trainer.
                state: its state.
                control: not touched.
                **kwargs: not used.
            """
            monitor.close()

    return MonitorCallback()


def lightning_callback(monitor: StabilityMonitor) -> Any:
    """Make a callback for Lightning, or any trainer that calls `on_train_batch_end` in its way.

    Args:
        monitor: of a TorchProblem with the module that is trained.

    Returns:
        Callback for `Trainer(callbacks=[...])`: of Lightning's own class where Lightning is installed.
    """

    class MonitorCallback(_lightning_class()):
        """Looks after each training batch."""

        def on_train_batch_end(
            self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, *rest: Any
        ) -> None:
            """Look at the module.

            Args:
                trainer: for the step and the optimiser.
                pl_module: the module.
                outputs: not used.
                batch: not used.
                batch_idx: not used.
                *rest: not used.
            """
            optimisers = list(getattr(trainer, "optimizers", None) or [None])
            _look(monitor, trainer.global_step, optimisers[0])

        def on_train_end(self, trainer: Any, pl_module: Any) -> None:
            """Close the monitor.

            Args:
                trainer: not used.
                pl_module: not used.
            """
            monitor.close()

    return MonitorCallback()


def _lightning_class() -> type:
    for name in ("lightning.pytorch", "pytorch_lightning"):
        try:
            return importlib.import_module(name).Callback
        except ImportError:
            continue
    return object


def _look(monitor: StabilityMonitor, step: int, optimiser: Any) -> None:
    groups = getattr(optimiser, "param_groups", None)
    rate = float(groups[0]["lr"]) if groups else None
    monitor(step, learning_rate=rate if rate else None)
