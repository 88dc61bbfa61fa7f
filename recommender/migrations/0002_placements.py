import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
import recommender.models.experiments
import recommender.models.impressions
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0001_initial'),
        ('recommender', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Placement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=64, unique=True)),
                ('overrides', models.JSONField(blank=True, default=dict, help_text='Option → value.')),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='Change',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('subject', models.CharField(choices=[('placement', 'Placement'), ('rule', 'Rule'), ('experiment', 'Experiment')], max_length=16)),
                ('object_id', models.BigIntegerField(help_text='Of a row that may be gone.')),
                ('name', models.CharField(max_length=200)),
                ('action', models.CharField(choices=[('created', 'Created'), ('changed', 'Changed'), ('deleted', 'Deleted'), ('started', 'Started'), ('stopped', 'Stopped')], max_length=16)),
                ('by', models.CharField(help_text="The user's name; empty for a program.", max_length=150)),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('before', models.JSONField(null=True)),
                ('after', models.JSONField(null=True)),
            ],
            options={
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['subject', 'object_id'], name='change_of')],
            },
        ),
        migrations.CreateModel(
            name='Experiment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=64, unique=True, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9_-]{0,63}\\Z', 'Use a to z, 0 to 9, - and _, at most 64.', code='name')])),
                ('placement', models.CharField(max_length=64)),
                ('hypothesis', models.TextField(blank=True, help_text='What should become better, why, and on which day you will decide.')),
                ('share', models.FloatField(default=1.0, help_text='Which part of the visitors takes part, up to 1.', validators=[django.core.validators.MinValueValidator(0.001), django.core.validators.MaxValueValidator(1.0)])),
                ('salt', models.CharField(default=recommender.models.experiments.new_salt, editable=False, max_length=32)),
                ('state', models.CharField(choices=[('draft', 'Draft'), ('running', 'Running'), ('stopped', 'Stopped')], default='draft', editable=False, max_length=8)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('started_at', models.DateTimeField(editable=False, null=True)),
                ('stopped_at', models.DateTimeField(editable=False, null=True)),
            ],
            options={
                'ordering': ['-id'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'running')), fields=('placement',), name='one_running_experiment_per_placement')],
            },
        ),
        migrations.CreateModel(
            name='Impression',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('request_id', models.CharField(max_length=128)),
                ('session', models.CharField(blank=True, max_length=128)),
                ('placement', models.CharField(max_length=64)),
                ('variant', models.CharField(blank=True, max_length=64)),
                ('shown_at', models.DateTimeField()),
                ('start', models.PositiveIntegerField(default=0, help_text='How many items earlier pages of the same list showed.')),
                ('item_ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
                ('propensities', django.contrib.postgres.fields.ArrayField(base_field=recommender.models.impressions.RealField(), help_text='The probability of showing it there.', size=None)),
                ('sources', models.JSONField(help_text="The names of each item's sources.")),
                ('features', django.contrib.postgres.fields.ArrayField(base_field=django.contrib.postgres.fields.ArrayField(base_field=recommender.models.impressions.RealField(), size=None), help_text="Each item's ranking.FEATURES.", size=None)),
                ('experiment', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='impressions', to='recommender.experiment')),
                ('visitor', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='impressions', to='recommender.visitor')),
            ],
            options={
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['visitor', 'shown_at'], name='impression_visitor'), models.Index(fields=['request_id'], name='impression_request'), models.Index(fields=['shown_at'], name='impression_shown_at'), models.Index(condition=models.Q(('experiment__isnull', False)), fields=['experiment'], name='impression_experiment')],
            },
        ),
        migrations.CreateModel(
            name='Rule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='What it is for.', max_length=200)),
                ('action', models.CharField(choices=[('pin', 'pin at a position'), ('boost', 'boost'), ('bury', 'bury'), ('hide', 'hide')], max_length=8)),
                ('placement', models.CharField(blank=True, help_text='Empty for all.', max_length=64)),
                ('tag', models.CharField(blank=True, max_length=100)),
                ('position', models.PositiveIntegerField(blank=True, help_text='Of a pin, from 1.', null=True)),
                ('factor', models.FloatField(blank=True, help_text='What the score is multiplied by: above 1 of a boost, between 0 and 1 of a bury.', null=True)),
                ('enabled', models.BooleanField(default=True)),
                ('starts_at', models.DateTimeField(blank=True, help_text='Empty: from now on.', null=True)),
                ('ends_at', models.DateTimeField(blank=True, help_text='Empty: for good.', null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('category', models.ForeignKey(blank=True, help_text='With those below it.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='catalog.category')),
                ('items', models.ManyToManyField(blank=True, related_name='+', to='catalog.item')),
            ],
            options={
                'ordering': ['-id'],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('action', 'pin'), ('position__gte', 1), ('position__isnull', False)), models.Q(models.Q(('action', 'pin'), _negated=True), ('position__isnull', True)), _connector='OR'), name='rule_position_of_pin'), models.CheckConstraint(condition=models.Q(models.Q(('action', 'boost'), ('factor__gt', 1), ('factor__isnull', False)), models.Q(('action', 'bury'), ('factor__gt', 0), ('factor__isnull', False), ('factor__lt', 1)), models.Q(('action__in', ['pin', 'hide']), ('factor__isnull', True)), _connector='OR'), name='rule_factor_of_boost_or_bury'), models.CheckConstraint(condition=models.Q(('starts_at', None), ('ends_at', None), ('ends_at__gt', models.F('starts_at')), _connector='OR'), name='rule_ends_after_its_start')],
            },
        ),
        migrations.CreateModel(
            name='Variant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=64, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9_-]{0,63}\\Z', 'Use a to z, 0 to 9, - and _, at most 64.', code='name')])),
                ('weight', models.FloatField(default=1.0, help_text="Its part of the visitors, relative to the others'.", validators=[django.core.validators.MinValueValidator(0.001), django.core.validators.MaxValueValidator(1000.0)])),
                ('overrides', models.JSONField(blank=True, default=dict, help_text='Option → value.')),
                ('experiment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='variants', to='recommender.experiment')),
            ],
            options={
                'ordering': ['id'],
                'constraints': [models.UniqueConstraint(fields=('experiment', 'name'), name='variant_named_once')],
            },
        ),
    ]
