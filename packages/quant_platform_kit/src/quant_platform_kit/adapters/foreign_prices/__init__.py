"""Price files as others write them: what a file is, and its rows.

``heads`` shows the first lines of a file, ``headings`` says from them what it is, in the terms of ``layouts``.
``cells`` reads dates, symbols and numbers, ``reading`` all rows of a file, with ``options``. ``lines`` names the
command that imports a file. What becomes of the rows is said in `quant_platform_kit.adapters.price_import`.
"""
