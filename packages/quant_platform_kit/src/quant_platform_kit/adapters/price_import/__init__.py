"""Price files as others write them, brought into the long format of `quant_platform_kit.adapters.price_files`.

``heads`` shows the first lines of a file, ``headings`` says from them what it is, in the terms of ``layouts``.
``cells`` reads dates and numbers, ``reading`` all rows of a file; ``checking`` says which are kept. ``importing`` does
this for every source, with ``options``. ``lines`` names the command that imports a file, ``sidecar`` keeps what one was
made of.
"""
