import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


# Django knows no partitioned tables. One partition a month (recommender/partitions makes them); a
# sequence instead of an identity, so that a month can be made as a table by itself and then attached.
# Deleting an item leaves its events without one; deleting a visitor takes theirs along, whoever does it.
EVENT_TABLE = """
CREATE SEQUENCE recommender_event_id_seq;
CREATE TABLE recommender_event (
    id bigint NOT NULL DEFAULT nextval('recommender_event_id_seq'),
    key varchar(128) NOT NULL,
    visitor_id bigint NOT NULL REFERENCES recommender_visitor (id) ON DELETE CASCADE,
    item_id bigint REFERENCES catalog_item (id) ON DELETE SET NULL,
    item_external_id varchar(128) NOT NULL,
    type varchar(32) NOT NULL,
    value double precision,
    share double precision CHECK (share BETWEEN 0 AND 1),
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    session varchar(128) NOT NULL DEFAULT '',
    request_id varchar(128) NOT NULL DEFAULT '',
    PRIMARY KEY (id, occurred_at)
) PARTITION BY RANGE (occurred_at);
ALTER SEQUENCE recommender_event_id_seq OWNED BY recommender_event.id;
CREATE INDEX recommender_event_visitor ON recommender_event (visitor_id, occurred_at);
CREATE INDEX recommender_event_item ON recommender_event (item_id, occurred_at);
CREATE INDEX recommender_event_waiting ON recommender_event (item_external_id) WHERE item_id IS NULL;
CREATE INDEX recommender_event_request ON recommender_event (request_id) WHERE request_id <> '';
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('catalog', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Visitor',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('external_id', models.CharField(max_length=128, unique=True, validators=[django.core.validators.RegexValidator('^(?!\\.{1,2}\\Z)[A-Za-z0-9._:@|=+~-]{1,128}\\Z', 'Use 1 to 128 characters from A-Z a-z 0-9 . _ : @ | = + ~ -', code='visitor')])),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('merged_into', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='aliases', to='recommender.visitor')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='EventKey',
            fields=[
                ('key', models.CharField(max_length=128, primary_key=True, serialize=False)),
                ('digest', models.UUIDField()),
            ],
            options={
                'ordering': ['key'],
            },
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(EVENT_TABLE, 'DROP TABLE recommender_event')],
            state_operations=[
                migrations.CreateModel(
                    name='Event',
                    fields=[
                        ('id', models.BigAutoField(primary_key=True, serialize=False)),
                        ('key', models.CharField(help_text="The client's id of the event.", max_length=128)),
                        ('item_external_id', models.CharField(max_length=128)),
                        ('type', models.CharField(max_length=32)),
                        ('value', models.FloatField(null=True)),
                        ('share', models.FloatField(help_text='How much was taken in, from 0 to 1.', null=True)),
                        ('occurred_at', models.DateTimeField()),
                        ('received_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                        ('session', models.CharField(blank=True, max_length=128)),
                        ('request_id', models.CharField(blank=True, help_text='Of the recommendation.', max_length=128)),
                        ('item', models.ForeignKey(null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='catalog.item')),
                        ('visitor', models.ForeignKey(on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='recommender.visitor')),
                    ],
                    options={
                        'ordering': ['-id'],
                    },
                ),
            ],
        ),
    ]
