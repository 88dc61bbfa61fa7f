import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import pgvector.django.halfvec
from django.db import migrations, models


# Django knows no partitioned tables: retrieval/index/factors makes a partition a model, with an HNSW
# index for its own number of factors, and drops it; a foreign key on the model would only lock more.
# real[] takes half of Django's float arrays. Deleting an item takes along what it has here.
TABLES = """
CREATE TABLE recommender_itemneighbours (
    model_id bigint NOT NULL REFERENCES recommender_recommendermodel (id) ON DELETE CASCADE,
    item_id bigint NOT NULL REFERENCES catalog_item (id) ON DELETE CASCADE,
    neighbours bigint[] NOT NULL,
    scores real[] NOT NULL,
    PRIMARY KEY (model_id, item_id),
    CHECK (cardinality(neighbours) = cardinality(scores))
);
CREATE INDEX recommender_itemneighbours_item ON recommender_itemneighbours (item_id);
CREATE TABLE recommender_itemtower (
    model_id bigint NOT NULL,
    item_id bigint NOT NULL REFERENCES catalog_item (id) ON DELETE CASCADE,
    vector halfvec NOT NULL,
    context halfvec NOT NULL,
    learned boolean NOT NULL,
    content_version bigint NOT NULL,
    PRIMARY KEY (model_id, item_id)
) PARTITION BY LIST (model_id);
CREATE INDEX recommender_itemtower_item ON recommender_itemtower (item_id);
"""
TABLES_GONE = "DROP TABLE recommender_itemtower; DROP TABLE recommender_itemneighbours"


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0001_initial'),
        ('recommender', '0001_initial'),
        ('retrieval', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='RecommenderModel',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, unique=True)),
                ('kind', models.CharField(choices=[('item-item', 'Item Item'), ('two-tower', 'Two Tower')], max_length=9)),
                ('algorithm', models.CharField(choices=[('ease', 'Ease'), ('item-knn', 'Item Knn'), ('factorization', 'Factorization'), ('two-tower', 'Two Tower')], max_length=13)),
                ('state', models.CharField(choices=[('building', 'Building'), ('ready', 'Ready'), ('active', 'Active'), ('retired', 'Retired'), ('failed', 'Failed')], default='building', max_length=8)),
                ('config', models.JSONField(blank=True, default=dict, help_text="The algorithm's options.")),
                ('seed', models.PositiveIntegerField(default=0)),
                ('activation', models.CharField(choices=[('never', 'Never'), ('better', 'if it is not worse than the active one'), ('always', 'Always')], default='never', help_text='Once it is ready.', max_length=6)),
                ('metrics', models.JSONField(blank=True, default=dict, help_text='On a time split held out.')),
                ('events', models.PositiveBigIntegerField(default=0, help_text='It learned from.')),
                ('visitors', models.PositiveBigIntegerField(default=0)),
                ('items', models.PositiveBigIntegerField(default=0)),
                ('factors', models.PositiveSmallIntegerField(default=0, help_text="Length of an item's context.")),
                ('parameters', models.BinaryField(default=b'', help_text='Of a two-tower model, for new items.')),
                ('stage', models.CharField(blank=True, max_length=32)),
                ('percent', models.PositiveSmallIntegerField(default=0)),
                ('note', models.CharField(blank=True, max_length=200)),
                ('error', models.TextField(blank=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('leased_until', models.DateTimeField(null=True)),
                ('seconds', models.FloatField(help_text='Training took.', null=True)),
                ('created_by', models.CharField(blank=True, max_length=150)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('trained_at', models.DateTimeField(null=True)),
                ('activated_at', models.DateTimeField(null=True)),
                ('previous', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='recommender.recommendermodel')),
                ('space', models.ForeignKey(help_text='Whose vectors say what an item is.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='retrieval.embeddingspace')),
            ],
            options={
                'verbose_name': 'model',
                'ordering': ['-id'],
            },
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(TABLES, TABLES_GONE)],
            state_operations=[
                migrations.CreateModel(
                    name='ItemTower',
                    fields=[
                        ('pk', models.CompositePrimaryKey('model_id', 'item_id', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('vector', pgvector.django.halfvec.HalfVectorField(help_text='To be found.')),
                        ('context', pgvector.django.halfvec.HalfVectorField(help_text='What having used it says of a visitor.')),
                        ('learned', models.BooleanField()),
                        ('content_version', models.BigIntegerField()),
                        ('item', models.ForeignKey(on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='catalog.item')),
                        ('model', models.ForeignKey(on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='recommender.recommendermodel')),
                    ],
                    options={
                        'ordering': ['model_id', 'item_id'],
                    },
                ),
                migrations.CreateModel(
                    name='ItemNeighbours',
                    fields=[
                        ('pk', models.CompositePrimaryKey('model_id', 'item_id', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('neighbours', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), help_text='Items, the strongest first.', size=None)),
                        ('scores', django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), size=None)),
                        ('item', models.ForeignKey(on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='catalog.item')),
                        ('model', models.ForeignKey(on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='recommender.recommendermodel')),
                    ],
                    options={
                        'ordering': ['model_id', 'item_id'],
                    },
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name='recommendermodel',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'active')), fields=('kind',), name='one_active_model_a_kind'),
        ),
        migrations.AddConstraint(
            model_name='recommendermodel',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'building')), fields=('algorithm',), name='one_training_an_algorithm'),
        ),
    ]
