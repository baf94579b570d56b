"""The wrappers: an optimizer in, an optimizer out, one thing changed; and their registry."""

from jsgd.optimizers.dpsgd import differentially_private as differentially_private
from jsgd.optimizers.schedule_free import schedule_free as schedule_free
from jsgd.wrappers.accumulate import accumulate as accumulate
from jsgd.wrappers.average import ema as ema
from jsgd.wrappers.average import swa as swa
from jsgd.wrappers.clip import clip_by_global_norm as clip_by_global_norm
from jsgd.wrappers.clip import clip_by_value as clip_by_value
from jsgd.wrappers.decay import l1 as l1
from jsgd.wrappers.decay import weight_decay as weight_decay
from jsgd.wrappers.guard import skip_nonfinite as skip_nonfinite
from jsgd.wrappers.lookahead import lookahead as lookahead
from jsgd.wrappers.master import master_weights as master_weights
from jsgd.wrappers.partition import partition as partition
from jsgd.wrappers.plateau import reduce_on_plateau as reduce_on_plateau
from jsgd.wrappers.registry import REGISTRY as REGISTRY
from jsgd.wrappers.rounding import kahan as kahan
from jsgd.wrappers.rounding import stochastic_rounding as stochastic_rounding
from jsgd.wrappers.sam import sam as sam
from jsgd.wrappers.trust_ratio import trust_ratio as trust_ratio
