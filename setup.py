# SPDX-License-Identifier: Apache-2.0
"""Map the rooms at the root of the repository to sub-packages of ``luthier``.

The list of packages is computed: a hand-written one drops sub-packages from the wheel while
editable installs go on working.
"""

from setuptools import find_packages, setup

ROOMS = ("cli", "boards", "sim", "gen", "hw", "host", "golden")

packages = ["luthier", "luthier.configs"]
package_dir = {"luthier": "luthier", "luthier.configs": "configs"}
for room in ROOMS:
    packages.append(f"luthier.{room}")
    packages.extend(f"luthier.{room}.{name}" for name in find_packages(room))
    package_dir[f"luthier.{room}"] = room

setup(packages=packages, package_dir=package_dir)
