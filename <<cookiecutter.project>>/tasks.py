from gopherwhale.tasks import namespace

ns = namespace()
