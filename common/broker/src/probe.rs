//! What the broker lets a user do: single attempts, none of which changes what the broker holds when it is let through.
//!
//! Publishes are rolled back, declarations contradict what is there, deletions are of objects that the caller has made
//! for it. The caller judges a refusal by its code: 403 is that of missing rights, others come after the rights were checked.

use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, BasicQosOptions,
    ExchangeBindOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions,
    QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Error, ErrorKind, ExchangeKind};

use super::consumer::Start;
use super::error::AmqpError;
use super::session::Session;

/// One thing to try. Names are those of queues and exchanges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// Publish, and roll back.
    Publish(Box<Publish>),
    /// Declare a queue of this name as another kind than it is.
    DeclareQueue(String),
    /// Declare an exchange of this name as another kind than it is.
    DeclareExchange(String),
    /// Ask for a queue.
    LookAtQueue(String),
    /// Ask for an exchange.
    LookAtExchange(String),
    /// Delete a queue.
    DeleteQueue(String),
    /// Delete an exchange.
    DeleteExchange(String),
    /// Empty a queue.
    Purge(String),
    /// Bind a queue to an exchange by a key.
    Bind(String, String, String),
    /// Take such a binding away.
    Unbind(String, String, String),
    /// Bind an exchange to a source by a key; taken away again at once.
    BindExchange(String, String, String),
    /// Consume a queue; what comes goes back.
    Consume(String),
    /// Consume a stream.
    ConsumeStream(String),
    /// Get one message from a queue; it goes back.
    Get(String),
}

/// A message to try.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Publish {
    /// The exchange.
    pub exchange: String,
    /// The routing key.
    pub key: String,
    /// The `user_id` property.
    pub user_id: Option<String>,
    /// A header that asks for a copy (`CC`, `BCC`), and its key.
    pub copy: Option<(&'static str, String)>,
    /// Size of the body.
    pub bytes: usize,
}

/// What the broker answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It did it.
    Done,
    /// It did not.
    Refused {
        /// AMQP's code; 0 where the channel was closed before the reason could be asked for.
        code: u16,
        /// The broker's words.
        text: String,
    },
}

impl Session {
    /// Opens a channel and keeps it for as long as the session: the broker counts them for each user.
    pub async fn occupy_channel(&self) -> Result<(), AmqpError> {
        let channel = self.connection().channel().await?;
        self.connection().keep(channel);
        Ok(())
    }

    /// Returns whether the connection has ended.
    pub fn is_over(&self) -> bool {
        self.connection().is_gone()
    }

    /// Tries one thing on a channel of its own. An error means that the broker did not answer.
    pub async fn attempt(&self, attempt: &Attempt) -> Result<Answer, AmqpError> {
        let connection = self.connection();
        let channel = connection.channel().await?;
        let outcome = connection.bounded(Box::pin(tried(&channel, attempt))).await;
        let answer = match outcome {
            Ok(Ok(())) => Answer::Done,
            Ok(Err(error)) => judge(&error),
            // The connection went while the answer was waited for: that is one.
            Err(AmqpError::Gone(text)) if connection.is_gone() => Answer::Refused { code: 0, text },
            Err(error) => return Err(error),
        };
        if channel.status().connected() {
            // Unsettled deliveries go back; the answer is known, whatever becomes of the goodbye.
            drop(connection.bounded(channel.close(200, "done".into())).await);
        }
        Ok(answer)
    }
}

fn short(text: &str) -> lapin::Result<ShortString> {
    ShortString::try_new(text).map_err(|error| {
        ErrorKind::IOError(std::sync::Arc::new(std::io::Error::other(error.to_string()))).into()
    })
}

async fn tried(channel: &Channel, attempt: &Attempt) -> lapin::Result<()> {
    let none = FieldTable::default;
    match attempt {
        Attempt::Publish(message) => publish(channel, message).await,
        Attempt::DeclareQueue(name) => declare(channel, name, false).await,
        Attempt::LookAtQueue(name) => declare(channel, name, true).await,
        Attempt::DeclareExchange(name) => declare_exchange(channel, name, false).await,
        Attempt::LookAtExchange(name) => declare_exchange(channel, name, true).await,
        Attempt::DeleteQueue(name) => {
            channel.queue_delete(short(name)?, QueueDeleteOptions::default()).await.map(drop)
        }
        Attempt::DeleteExchange(name) => {
            channel.exchange_delete(short(name)?, ExchangeDeleteOptions::default()).await
        }
        Attempt::Purge(name) => {
            channel.queue_purge(short(name)?, QueuePurgeOptions::default()).await.map(drop)
        }
        Attempt::Bind(queue, exchange, key) => {
            let (queue, exchange, key) = (short(queue)?, short(exchange)?, short(key)?);
            channel.queue_bind(queue, exchange, key, QueueBindOptions::default(), none()).await
        }
        Attempt::Unbind(queue, exchange, key) => {
            channel.queue_unbind(short(queue)?, short(exchange)?, short(key)?, none()).await
        }
        Attempt::BindExchange(to, from, key) => {
            let (to, from, key) = (short(to)?, short(from)?, short(key)?);
            let options = ExchangeBindOptions::default();
            channel.exchange_bind(to.clone(), from.clone(), key.clone(), options, none()).await?;
            channel
                .exchange_unbind(
                    to,
                    from,
                    key,
                    lapin::options::ExchangeUnbindOptions::default(),
                    none(),
                )
                .await
        }
        Attempt::Consume(name) => consume(channel, name, Start::Queue).await,
        Attempt::ConsumeStream(name) => consume(channel, name, Start::StreamNext).await,
        Attempt::Get(name) => {
            channel.basic_get(short(name)?, BasicGetOptions::default()).await.map(drop)
        }
    }
}

async fn publish(channel: &Channel, message: &Publish) -> lapin::Result<()> {
    // The rights are checked when a message comes, the queues get it when it is committed.
    channel.tx_select().await?;
    let mut properties = BasicProperties::default();
    if let Some(user) = &message.user_id {
        properties = properties.with_user_id(short(user)?);
    }
    if let Some((header, key)) = &message.copy {
        let mut table = FieldTable::default();
        let keys = vec![AMQPValue::LongString(key.as_str().into())];
        table.insert((*header).into(), AMQPValue::FieldArray(keys.into()));
        properties = properties.with_headers(table);
    }
    let body = vec![0; message.bytes];
    let (exchange, key) = (short(&message.exchange)?, short(&message.key)?);
    let options = BasicPublishOptions::default();
    #[expect(clippy::disallowed_methods, reason = "the door; nothing is ever committed")]
    drop(channel.basic_publish(exchange, key, options, &body, properties).await?);
    channel.tx_rollback().await
}

async fn declare(channel: &Channel, name: &str, is_look: bool) -> lapin::Result<()> {
    let options = QueueDeclareOptions {
        passive: is_look,
        exclusive: !is_look,
        ..QueueDeclareOptions::default()
    };
    #[expect(clippy::disallowed_methods, reason = "the door; exclusive, so that nothing stays")]
    let answer = channel.queue_declare(short(name)?, options, FieldTable::default());
    answer.await.map(drop)
}

async fn declare_exchange(channel: &Channel, name: &str, is_look: bool) -> lapin::Result<()> {
    let options = ExchangeDeclareOptions { passive: is_look, ..ExchangeDeclareOptions::default() };
    let (kind, none) = (ExchangeKind::Fanout, FieldTable::default());
    #[expect(
        clippy::disallowed_methods,
        reason = "the door; of a kind that no exchange of ours has, so that only a new one is made"
    )]
    channel.exchange_declare(short(name)?, kind, options, none).await?;
    if is_look {
        return Ok(());
    }
    let options = ExchangeDeleteOptions { if_unused: true, ..ExchangeDeleteOptions::default() };
    channel.exchange_delete(short(name)?, options).await
}

async fn consume(channel: &Channel, name: &str, start: Start) -> lapin::Result<()> {
    channel.basic_qos(1, BasicQosOptions { global: false }).await?;
    let options = BasicConsumeOptions::default();
    channel.basic_consume(short(name)?, "".into(), options, start.arguments()).await.map(drop)
}

fn judge(error: &Error) -> Answer {
    match error.kind() {
        ErrorKind::ProtocolError(problem) => {
            Answer::Refused { code: problem.get_id(), text: problem.get_message().to_string() }
        }
        _ => Answer::Refused { code: 0, text: error.to_string() },
    }
}
