"""What a project writes to have raw SQL on one of its tables seen."""

from django.db import migrations

from invalidation.triggers import InstallTrigger


class Migration(migrations.Migration):
    dependencies = [("library", "0001_initial"), ("invalidation", "0001_initial")]
    operations = [InstallTrigger("magazine", ignore=["reads"])]
