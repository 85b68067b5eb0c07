"""How named tuples are made where one is made for every event or request.

A named tuple's own constructor sorts out its arguments and costs three times as much. `make_tuple(Kind, (…))` takes all
fields in their order and checks nothing, so it is for the hot path alone.
"""

from typing import Final

make_tuple: Final = tuple.__new__
