"""The wrappers: an optimizer in, an optimizer out, one thing changed; and their registry."""

from jsgd.wrappers.accumulate import accumulate as accumulate
from jsgd.wrappers.adaptive_clip import adaptive_clip as adaptive_clip
from jsgd.wrappers.average import ema as ema
from jsgd.wrappers.clip import clip_by_block_rms as clip_by_block_rms
from jsgd.wrappers.clip import clip_by_global_norm as clip_by_global_norm
from jsgd.wrappers.clip import clip_by_norm as clip_by_norm
from jsgd.wrappers.clip import clip_by_value as clip_by_value
from jsgd.wrappers.decay import l1 as l1
from jsgd.wrappers.decay import weight_decay as weight_decay
from jsgd.wrappers.direction import centralize as centralize
from jsgd.wrappers.direction import normalize as normalize
from jsgd.wrappers.guard import skip_large as skip_large
from jsgd.wrappers.guard import skip_nonfinite as skip_nonfinite
from jsgd.wrappers.guard import zero_nans as zero_nans
from jsgd.wrappers.log import log_metrics as log_metrics
from jsgd.wrappers.masked import freeze as freeze
from jsgd.wrappers.masked import masked as masked
from jsgd.wrappers.noise import add_noise as add_noise
from jsgd.wrappers.partition import partition as partition
from jsgd.wrappers.project import keep_nonnegative as keep_nonnegative
from jsgd.wrappers.project import project as project
from jsgd.wrappers.registry import REGISTRY as REGISTRY
from jsgd.wrappers.rounding import kahan as kahan
from jsgd.wrappers.rounding import stochastic_rounding as stochastic_rounding
from jsgd.wrappers.split_complex import split_complex as split_complex
from jsgd.wrappers.trust_ratio import trust_ratio as trust_ratio
