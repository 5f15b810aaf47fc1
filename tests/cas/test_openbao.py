from __future__ import annotations
def test_setup(openbao):
    print([c.subject for c in openbao.certificates()])
    with openbao.down():
        pass
    print([c.subject for c in openbao.certificates()])
    print(openbao.log.read_text()[:3000])
    assert 0
