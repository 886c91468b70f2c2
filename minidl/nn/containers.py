"""Modules that hold modules: Sequential and ModuleList."""

from collections import OrderedDict

from .module import Module


class ModuleList(Module):
    """A list of modules whose parameters are found.

    >>> from minidl import nn
    >>> blocks = ModuleList(nn.Linear(4, 4) for _ in range(3))
    >>> len(blocks), sum(p.size for p in blocks.parameters())
    (3, 60)
    """

    def __init__(self, modules=()):
        super().__init__()
        self.extend(modules)

    def append(self, module):
        """Add a module at the end; returns the container."""
        if not isinstance(module, Module):
            raise TypeError(f"{type(self).__name__} holds modules, got {type(module).__name__}: {module!r}")
        self._modules[str(len(self))] = module
        return self

    def extend(self, modules):
        """Add modules at the end; returns the container."""
        for module in modules:
            self.append(module)
        return self

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules.values())

    def __getitem__(self, index):
        modules = list(self._modules.values())[index]
        return type(self)._from_list(modules) if isinstance(index, slice) else modules

    def __setitem__(self, index, module):
        key = list(self._modules)[index]
        self._modules[key] = module

    @classmethod
    def _from_list(cls, modules):
        return cls(modules)


class Sequential(ModuleList):
    """Modules one after another: Sequential(a, b)(x) = b(a(x)). An OrderedDict gives them names.

    >>> from minidl import nn
    >>> Sequential(nn.Linear(4, 2), nn.ReLU())
    Sequential(
      (0): Linear(in_features=4, out_features=2, bias=True)
      (1): ReLU()
    )
    """

    def __init__(self, *modules):
        if len(modules) == 1 and isinstance(modules[0], OrderedDict):
            super().__init__()
            self._modules.update(modules[0])
        else:
            super().__init__(modules)

    @classmethod
    def _from_list(cls, modules):
        return cls(*modules)

    def forward(self, x):
        for module in self:
            x = module(x)
        return x
