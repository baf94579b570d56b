"""Augmentation as pure functions of a key, a batch, and strengths that are arrays."""

from jsgd.data.augment.boxes import cutmix as cutmix
from jsgd.data.augment.boxes import cutout as cutout
from jsgd.data.augment.chain import STRENGTHS as STRENGTHS
from jsgd.data.augment.chain import augment as augment
from jsgd.data.augment.color import color_jitter as color_jitter
from jsgd.data.augment.geometric import affine as affine
from jsgd.data.augment.mixing import mixup as mixup
