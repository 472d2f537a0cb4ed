"""Typed calls to the three APIs the product needs: cs, ens, elasticsearch. They decide nothing."""
